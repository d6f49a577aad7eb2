"""The settings of the OCR workers and of who calls them."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from streams.config.addresses import Address


class OcrSettings(BaseSettings):
    """A part of `Settings`."""

    ocr_urls: tuple[Address, ...] = Field(("http://127.0.0.1:8000",), description="Addresses of the OCR workers.")
    ocr_token: SecretStr | None = Field(None, description="Bearer token of the OCR workers.")
    ocr_tls_ca: Path | None = Field(None, description="CA bundle (PEM) for the OCR workers. Default: the system's.")
    ocr_timeout_s: float = Field(60, gt=0, description="Time limit for one photo at an OCR worker, in seconds.")
    ocr_host: str = Field("127.0.0.1", description="Address `hangtag ocr serve` listens on.")
    ocr_port: int = Field(8000, ge=0, le=65535, description="Port `hangtag ocr serve` listens on; 0 picks a free one.")
    ocr_tls_cert: Path | None = Field(
        None, description="Certificate chain (PEM) of the OCR worker. When set, it serves HTTPS."
    )
    ocr_tls_key: Path | None = Field(
        None, description="Private key (PEM) of that certificate, if it is in a file of its own."
    )
    ocr_by_uri: bool = Field(
        False, description="Let callers of the OCR worker name a photo of the store by `image_uri`."
    )
    ocr_uri_roots: tuple[Address, ...] = Field(
        (), description="`https://` addresses below which callers may name photos by `image_uri`; each ends with `/`."
    )
    ocr_engine: Literal["rapid", "hunyuan", "paddle-vl", "scripted"] = Field(
        "rapid", description="Engine of the OCR worker."
    )
    ocr_vllm_url: Address = Field(
        "http://127.0.0.1:8100", description="vLLM server of the hunyuan or paddle-vl engine."
    )
    ocr_vllm_key: SecretStr | None = Field(None, description="Key of the vLLM server.")
    ocr_vllm_revision: str | None = Field(
        None, description="Commit of the weights that vLLM serves. Default for hunyuan: the pinned one."
    )
    ocr_slots: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        description="Photos one OCR worker reads concurrently. Default: one per core.",
    )
    ocr_lift_contrast: bool = Field(True, description="The rapid engine raises low contrast before it reads.")
    ocr_look_closer: bool = Field(
        True, description="The rapid engine reads small or unsure places again from the photo at full size."
    )
    ocr_detector: Literal["auto", "small", "tiny"] = Field(
        "auto",
        description="How the rapid engine finds lines. `auto`: at half scale, and again at full scale where it is"
        " unsure; `small`, `tiny`: at full scale with that model.",
    )
    ocr_recognizer: Literal["small", "tiny"] = Field(
        "small",
        description="Model with which the rapid engine reads lines. With `tiny` a label costs two thirds of the CPU,"
        " but words run together.",
    )
    ocr_extra_models: Path | None = Field(
        None, description="Folder of further PP-OCR recognizers (*.onnx) for scripts the rapid engine does not know."
    )
    ocr_tesseract: str | None = Field(
        None,
        pattern=r"^[A-Za-z_]+(\+[A-Za-z_]+)*$",
        description="Languages in which Tesseract reads lines that look foreign (`rus+ukr`). It must be installed with"
        " its data; default: not used.",
    )
    ocr_max_tiles: int = Field(
        16,
        ge=1,
        description="Most tiles of a long page that the rapid engine reads; a tile is 1.5 times as long as wide.",
    )
    ocr_queue: int = Field(64, ge=0, description="Photos that may queue at one OCR worker; more get a 503.")
    photo_max_bytes: int = Field(20_000_000, ge=1, description="Photos with more bytes are refused.")
    photo_max_pixels: int = Field(
        60_000_000, ge=1, description="Photos with more pixels are refused before they are decoded."
    )
    photo_long_side: int = Field(
        2048, ge=64, description="The longer side of a photo is scaled down to this many pixels."
    )
