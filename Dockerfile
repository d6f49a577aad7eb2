# One image per role: `make images`, or docker build --target streams|ocr-gpu|ocr-cpu|ui . (docs/deployment.md)
# Pin the base by digest where you build: --build-arg PYTHON=python:3.11.15-slim-bookworm@sha256:...
ARG PYTHON=python:3.11.15-slim-bookworm

FROM ${PYTHON} AS locks
WORKDIR /src
COPY requirements/ requirements/
# No image has the build tools, which are in runtime.lock too. A stage decodes no photo, so its image has PostgreSQL's
# driver and not the engines' packages. An OCR worker before a vLLM server decodes photos and runs no engine. Every
# process can send traces (extra `otel`). tests/contract/test_dockerfile.py compares each list with the imports of the
# processes.
RUN awk '/^[a-z]/ {take = /^(editables|hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/} take' \
      requirements/runtime.lock > build.lock \
 && awk '/^[a-z]/ {take = !/^(editables|hatchling|pathspec|pluggy|tomlkit|trove-classifiers)==/} take' \
      requirements/runtime.lock > cpu.lock \
 && awk '/^[a-z]/ {take = !/^(flatbuffers|omegaconf|onnxruntime|pyclipper|pyyaml|rapidocr|shapely|tqdm)==/} take' cpu.lock > gpu.lock \
 && awk '/^[a-z]/ {take = !/^(numpy|opencv-python-headless|pi-heif|pillow|pillow-heif)==/} take' gpu.lock > streams.lock \
 && awk '/^[a-z]/ {take = /^(googleapis-common-protos|opentelemetry-(exporter|proto|sdk|semantic).*)==/} take' requirements/dev.lock > otel.lock \
 && cat otel.lock | tee -a cpu.lock >> gpu.lock \
 && awk '/^[a-z]/ {take = /^(psycopg|psycopg-binary)==/} take' requirements/dev.lock | cat otel.lock - >> streams.lock

FROM locks AS wheel
RUN pip install --no-cache-dir --require-hashes --no-deps -r build.lock
COPY pyproject.toml README.md LICENSE ./
COPY schemas/ schemas/
COPY ocr_worker/ ocr_worker/
COPY rules/ rules/
COPY klaviyo_sink/ klaviyo_sink/
COPY streams/ streams/
COPY samples/photos/ samples/photos/
RUN pip wheel --no-cache-dir --no-deps --no-index --no-build-isolation -w /wheel .

FROM locks AS streams-environment
RUN python -m venv --without-pip /opt/hangtag \
 && pip --python /opt/hangtag/bin/python install --no-cache-dir --require-hashes --no-deps -r streams.lock
COPY --from=wheel /wheel /wheel
RUN pip --python /opt/hangtag/bin/python install --no-cache-dir --no-deps --no-index /wheel/*.whl

FROM locks AS ocr-gpu-environment
RUN python -m venv --without-pip /opt/hangtag \
 && pip --python /opt/hangtag/bin/python install --no-cache-dir --require-hashes --no-deps -r gpu.lock
COPY --from=wheel /wheel /wheel
RUN pip --python /opt/hangtag/bin/python install --no-cache-dir --no-deps --no-index /wheel/*.whl

FROM locks AS ocr-cpu-environment
RUN python -m venv --without-pip /opt/hangtag \
 && pip --python /opt/hangtag/bin/python install --no-cache-dir --require-hashes --no-deps -r cpu.lock
COPY --from=wheel /wheel /wheel
RUN pip --python /opt/hangtag/bin/python install --no-cache-dir --no-deps --no-index /wheel/*.whl

FROM locks AS ui-environment
RUN python -m venv --without-pip /opt/hangtag \
 && pip --python /opt/hangtag/bin/python install --no-cache-dir --require-hashes --no-deps -r requirements/ui.lock
COPY --from=wheel /wheel /wheel
RUN pip --python /opt/hangtag/bin/python install --no-cache-dir --no-deps --no-index /wheel/*.whl

FROM ${PYTHON} AS base
RUN apt-get update \
 && apt-get install -y --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --no-create-home --home-dir /var/lib/hangtag hangtag \
 && install -d -o hangtag -g hangtag -m 700 /var/lib/hangtag
COPY deploy/docker/with-secrets /usr/local/bin/with-secrets

ENV PATH=/opt/hangtag/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /var/lib/hangtag
USER 10001:10001
# `-e 73`: a stage that halted on purpose exits with 0, so `restart: on-failure` does not restart it (docs/streams.md).
ENTRYPOINT ["tini", "-e", "73", "--", "with-secrets", "hangtag"]
CMD ["--help"]

# The stages, the gateway, the lag exporter, the canary and the Klaviyo sandbox: no image libraries, no models.
FROM base AS streams
COPY --from=streams-environment /opt/hangtag /opt/hangtag

# OCR workers before a vLLM server: image libraries, no CUDA, no models.
FROM base AS ocr-gpu
COPY --from=ocr-gpu-environment /opt/hangtag /opt/hangtag

# OCR workers that read on the CPU.
FROM base AS ocr-cpu
COPY --from=ocr-cpu-environment /opt/hangtag /opt/hangtag

# The page to try photos on.
FROM base AS ui
COPY --from=ui-environment /opt/hangtag /opt/hangtag
