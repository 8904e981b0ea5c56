"""The metadata of a Sentinel-2 product (a .SAFE folder or a zip of one): level, date, scale, offsets, images, checksums.

Format: ESA, Sentinel-2 Products Specification Document (PSD) from 14.2 on. L2A products of PSD 14.2 (until spring 2018, baselines
02.04 to 02.06) put "L2A" into the names of elements; products from before December 2016 have other files and are not read.
"""

import hashlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from index.errors import InputError
from index.imagery.archive import Archive, read_text
from index.imagery.reflectance import BOA_OFFSET, OFFSET_BASELINE
from index.imagery.sensors import SENTINEL2

_METADATA = re.compile(r"(?:^|/)MTD_MSIL(1C|2A)\.xml$")
_IMAGE = re.compile(r"GRANULE/([^/]+)/IMG_DATA/(?:R(?:10|20|60)m/)?[^/]+_(B\d\d|B8A|SCL)(?:_(10|20|60)m)?\.jp2$")
_QUANTIFICATION = {"1C": ("QUANTIFICATION_VALUE",), "2A": ("BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE")}
_PRODUCT_URI = {"1C": ("PRODUCT_URI",), "2A": ("PRODUCT_URI", "PRODUCT_URI_2A")}  # PSD 14.2 names the L1C product too
_PRODUCT = re.compile(r"S2[A-Z]_MSIL(?:1C|2A)_\w{1,80}")


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """The metadata of a product. ``offsets`` [13] are added to the numbers of each band, in the order of the sensor."""

    product: str
    level: str
    date: str
    baseline: str
    quantification: float
    offsets: tuple[float, ...]


def read_metadata(archive: Archive) -> Metadata:
    """From MTD_MSIL1C.xml or MTD_MSIL2A.xml. Raises ``InputError`` where there is not exactly one, or it lacks something."""
    found = [(name, match.group(1)) for name in archive.names if (match := _METADATA.search(name))]
    if len(found) != 1:
        raise InputError(f"expected one MTD_MSIL1C.xml or MTD_MSIL2A.xml, got {len(found)}; name one product of the present format")
    name, level = found[0]
    tree = parse_xml(read_text(archive, name), name)
    texts = {element.tag.rpartition("}")[2]: (element.text or "").strip() for element in tree.iter()}
    date = texts.get("PRODUCT_START_TIME", "")[:10]
    baseline = texts.get("PROCESSING_BASELINE", "")
    quantification = _first(texts, _QUANTIFICATION[level])
    product = _first(texts, _PRODUCT_URI[level]).removesuffix(".SAFE")
    known = re.fullmatch(r"\d{4}-\d\d-\d\d", date) and re.fullmatch(r"\d\d\.\d\d", baseline) and _PRODUCT.fullmatch(product)
    if not known or not _positive(quantification):
        got = f"'{product[:80]}', start '{date}', baseline '{baseline[:9]}', quantification '{quantification[:9]}'"
        raise InputError(f"'{name}' is not complete ({got}); download the product again")
    return Metadata(
        product=product,
        level=f"L{level}",
        date=date,
        baseline=baseline,
        quantification=float(quantification),
        offsets=_offsets(tree, baseline),
    )


def _offsets(tree: ET.Element, baseline: str) -> tuple[float, ...]:
    """What is added to the numbers of each of the 13 bands; ``band_id`` counts them in the order of the sensor."""
    offsets = [-float(BOA_OFFSET) if baseline >= OFFSET_BASELINE else 0.0] * len(SENTINEL2.bands)
    for element in tree.iter():
        if element.tag.rpartition("}")[2] in ("RADIO_ADD_OFFSET", "BOA_ADD_OFFSET"):
            band, stated = element.get("band_id", ""), (element.text or "").strip()
            if not re.fullmatch(r"\d|1[0-2]", band) or not re.fullmatch(r"-?\d{1,5}(\.\d+)?", stated):
                raise InputError(f"an offset of '{stated[:9]}' for band '{band[:9]}' in the metadata; download the product again")
            offsets[int(band)] = float(stated)
    return tuple(offsets)


class _NoDoctype(ET.TreeBuilder):
    """Refuses a document type, which can declare entities that point to other files or grow without end."""

    def doctype(self, name: str, pubid: str, system: str) -> None:
        raise InputError("its metadata declares a document type, which no product does; download it again from its provider")


def parse_xml(raw: bytes, name: str) -> ET.Element:
    """XML without entities. Raises ``InputError``."""
    parser = ET.XMLParser(target=_NoDoctype())
    try:
        parser.feed(raw)
        tree: ET.Element = parser.close()
    except ET.ParseError as error:
        raise InputError(f"'{name}' is not XML ({error}); download the product again") from None
    return tree


def verify(archive: Archive, members: Sequence[str]) -> None:
    """Compare images with the checksums in manifest.safe (a zip has its own too): a damaged JPEG 2000 decodes to other values."""
    stated = _checksums(archive)
    for name in members:
        algorithm, expected = stated.get(name, ("crc32", ""))
        digest = hashlib.new(algorithm, usedforsecurity=False) if expected else None
        with archive.stream(name) as stream:
            while block := stream.read(1 << 20):
                if digest:
                    digest.update(block)
        if digest and digest.hexdigest() != expected.lower():
            raise InputError(
                f"'{PurePosixPath(name).name}' differs from its {algorithm} in manifest.safe; download the product again"
            )


def _checksums(archive: Archive) -> dict[str, tuple[str, str]]:
    """(algorithm as hashlib calls it, hexadecimal digest) of each member, as manifest.safe has it; empty without manifest."""
    manifests = [name for name in archive.names if PurePosixPath(name).name == "manifest.safe"]
    if len(manifests) != 1:
        return {}
    root = manifests[0].removesuffix("manifest.safe")
    stated = {}
    for part in parse_xml(read_text(archive, manifests[0]), manifests[0]).iter("byteStream"):
        location, checksum = part.find("fileLocation"), part.find("checksum")
        if location is not None and checksum is not None and checksum.text:
            algorithm = checksum.get("checksumName", "").lower().replace("sha3-", "sha3_")
            if algorithm in hashlib.algorithms_guaranteed and not algorithm.startswith("shake"):
                stated[root + location.get("href", "").removeprefix("./")] = (algorithm, checksum.text.strip())
    return stated


def granules(archive: Archive) -> dict[str, dict[str, str]]:
    """Members with images: granule -> band (or SCL) -> member, the finest of each band."""
    found: dict[str, dict[str, tuple[int, str]]] = {}
    for name in archive.names:
        match = _IMAGE.search(name)
        if match:
            granule, band, metres = match.groups()
            known = found.setdefault(granule, {})
            known[band] = min(known.get(band, (999, "")), (int(metres or 10), name))
    if not found:
        raise InputError("no images in GRANULE/*/IMG_DATA; download the product again")
    return {granule: {band: name for band, (_, name) in sorted(images.items())} for granule, images in sorted(found.items())}


def _first(texts: Mapping[str, str], names: Sequence[str]) -> str:
    return next((texts[name] for name in names if texts.get(name)), "")


def _positive(text: str) -> bool:
    return bool(re.fullmatch(r"\d+(\.\d+)?", text)) and float(text) > 0
