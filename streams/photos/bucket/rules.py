"""
The bucket's own rule that deletes photos, a backup for days on which no stage runs the sweep.

obstore cannot set rules, and boto3 would be a large dependency for two requests. So this calls S3 over plain HTTP. For
Google and Azure, which need other permissions than a store's, it prints the command instead.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import httpx

from schemas.outcomes import Later, Misconfigured

_NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
#: Prefix of the names of our rules. Rules of others are left unchanged.
_OURS: Final = "hangtag-"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, and the prefix of its keys that is ours: empty, or ending with a slash."""

    kind: str
    name: str
    prefix: str

    @classmethod
    def of(cls, store_url: str) -> "Bucket | None":
        """Parse HANGTAG_STORE_URL; None for a folder on disk."""
        parts = urlsplit(store_url)
        if parts.scheme in {"", "file"}:
            return None
        prefix = parts.path.strip("/")
        return cls(parts.scheme, parts.netloc, f"{prefix}/" if prefix else "")


def rule_days(retention_days: int) -> int:
    """
    Return the days for a rule: one day less than the retention, because S3 counts from the next midnight.

    S3 accepts whole days, at least one (docs.aws.amazon.com, "Lifecycle configuration elements").
    """
    return max(1, retention_days - 1)


def s3_rules(prefixes: tuple[str, ...], days: int) -> list[dict[str, object]]:
    """
    Return the rules in the format of the AWS command line. They also delete old versions and unfinished uploads.

    Each rule is named by its prefix, so that another installation in the same bucket has other rules.
    """
    return [
        {
            "ID": f"{_OURS}{prefix}",
            "Filter": {"Prefix": prefix},
            "Status": "Enabled",
            "Expiration": {"Days": days},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        }
        for prefix in prefixes
    ]


def command(bucket: Bucket, prefixes: tuple[str, ...], days: int) -> str:
    """Return the provider's own command that sets the rule. It replaces all rules of the bucket."""
    if bucket.kind in {"gs", "gcs"}:
        condition: dict[str, object] = {"age": days, "matchesPrefix": prefixes}
        rule = {"lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": condition}]}}
        return _with_file(rule, f"gcloud storage buckets update gs://{bucket.name} --lifecycle-file=rule.json")
    if bucket.kind in {"az", "azure", "abfs", "abfss"}:
        delete = {"delete": {"daysAfterCreationGreaterThan": days}}
        filters = {"blobTypes": ["blockBlob"], "prefixMatch": [f"{bucket.name}/{prefix}" for prefix in prefixes]}
        policy = {"actions": {"baseBlob": delete}, "filters": filters}
        rules = {"rules": [{"enabled": True, "name": "hangtag", "type": "Lifecycle", "definition": policy}]}
        account = "--account-name ACCOUNT --resource-group GROUP"
        return _with_file(rules, f"az storage account management-policy create {account} --policy @rule.json")
    rules = {"Rules": s3_rules(prefixes, days)}
    put = f"aws s3api put-bucket-lifecycle-configuration --bucket {bucket.name}"
    return _with_file(rules, f"{put} --lifecycle-configuration file://rule.json")


async def apply(
    http: httpx.AsyncClient, where: str, prefixes: tuple[str, ...], days: int
) -> Later | Misconfigured | None:
    """Set our rules at S3, and keep the rules of others. `http` signs requests; `where` is the bucket's address."""
    query = {"lifecycle": ""}
    try:
        there = await http.get(where, params=query)
        has_none = there.status_code == HTTPStatus.NOT_FOUND and b"NoSuchLifecycle" in there.content
        if not has_none and (refused := _refused(there)):
            return refused
        others = [] if has_none else _others(there.content, prefixes)
        body = _document(others, s3_rules(prefixes, days))
        # S3 requires it for this request. It only guards against transmission errors.
        checksum = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        put = await http.put(where, params=query, content=body, headers={"content-md5": checksum})
    except httpx.HTTPError as error:
        return Later("store-unreachable", f"S3 did not respond ({type(error).__name__}); check AWS_ENDPOINT")
    except ET.ParseError:
        return Misconfigured("store-refused", "the server is not an S3 server; check AWS_ENDPOINT")
    return _refused(put)


def _refused(answer: httpx.Response) -> Misconfigured | None:
    if answer.is_success:
        return None
    code = answer.content.partition(b"<Code>")[2].partition(b"</Code>")[0].decode(errors="replace")[:80]
    told = f"S3 refused ({answer.status_code} {code}); the key needs s3:GetLifecycleConfiguration and s3:Put…"
    return Misconfigured("store-refused", told)


def _others(document: bytes, prefixes: tuple[str, ...]) -> list[ET.Element]:
    root = ET.fromstring(document)  # noqa: S314 - our own bucket's answer, and expat expands no bombs since 2.4.1
    rules = [one for one in root if one.tag.rpartition("}")[2] == "Rule"]
    # An older version wrote rules for whole buckets. They would delete objects that are not ours.
    replaced = {*prefixes, ""}
    return [
        rule
        for rule in rules
        if not (rule.findtext("{*}ID") or "").startswith(_OURS) or (rule.findtext(".//{*}Prefix") or "") not in replaced
    ]


def _document(others: list[ET.Element], ours: list[dict[str, object]]) -> bytes:
    ET.register_namespace("", _NAMESPACE)
    root = ET.Element(f"{{{_NAMESPACE}}}LifecycleConfiguration")
    root.extend(others)
    for rule in ours:
        _write(ET.SubElement(root, f"{{{_NAMESPACE}}}Rule"), rule)
    return ET.tostring(root)


def _write(parent: ET.Element, content: Mapping[str, object]) -> None:
    for name, value in content.items():
        element = ET.SubElement(parent, f"{{{_NAMESPACE}}}{name}")
        if isinstance(value, Mapping):
            _write(element, value)
        else:
            element.text = str(value)


def _with_file(rule: object, then: str) -> str:
    return f"rule.json:\n{json.dumps(rule, indent=2)}\n\n{then}"
