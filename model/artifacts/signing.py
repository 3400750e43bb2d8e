"""Signatures of artifacts: Ed25519 (RFC 8032) over the file's bytes, 64 bytes in a file beside it.

Needs the package cryptography, the extra `signing`, imported when it is needed. Other programs can
make them too: openssl pkeyutl -sign -rawin -inkey KEY -in NAME.joblib -out NAME.joblib.sig
"""

from pathlib import Path
from typing import TYPE_CHECKING

from model.errors import ArtifactError, SigningError
from model.artifacts.atomic_write import write_atomically
from model.artifacts.safe_read import read_file
from model.artifacts.repository import signature_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (Ed25519PrivateKey, Ed25519PublicKey,)

SIGNATURE_BYTES = 64
RAW_KEY_BYTES = 32
MAX_KEY_BYTES = 1 << 16
OWNER_ONLY = 0o600


def make_keys(path: Path) -> Path:
    """Write a new private key, for its owner's eyes only, and beside it its public key, whose path
    is returned; both PEM.

    Raises SigningError where either is there already, OSError.
    """
    _require_cryptography()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = path.with_name(f"{path.name}.pub")
    for file in (path, public):
        if file.exists() or file.is_symlink():
            raise SigningError(f"{file}: is there already, and a key is not written over")
    key = Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    write_atomically(
        path,
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        OWNER_ONLY,
    )
    told = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    write_atomically(public, told)
    return public


def read_private_key(path: Path) -> "Ed25519PrivateKey":
    """An Ed25519 private key, PEM without a password or 32 raw bytes. Raises SigningError."""
    content = _read_key(path)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        if len(content) == RAW_KEY_BYTES:
            return Ed25519PrivateKey.from_private_bytes(content)
        key = load_pem_private_key(content, None)
    except Exception:  # cryptography's own, and others, for what is no key
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningError(f"{path}: not an Ed25519 private key without a password")
    return key


def read_public_key(path: Path) -> "Ed25519PublicKey":
    """An Ed25519 public key, PEM or 32 raw bytes. Raises SigningError."""
    content = _read_key(path)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        if len(content) == RAW_KEY_BYTES:
            return Ed25519PublicKey.from_public_bytes(content)
        key = load_pem_public_key(content)
    except Exception:  # as above
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise SigningError(f"{path}: not an Ed25519 public key")
    return key


def sign(path: Path, content: bytes, key: "Ed25519PrivateKey") -> Path:
    """Publish the signature of an artifact of this content beside it. Raises OSError."""
    file = signature_of(path)
    write_atomically(file, key.sign(content))
    return file


def check_signature(path: Path, content: bytes, key: "Ed25519PublicKey") -> None:
    """Raise ArtifactError unless the file beside the artifact signs this content by this key."""
    file = signature_of(path)
    try:
        signature = read_file(file, SIGNATURE_BYTES)
    except (ArtifactError, OSError):
        raise ArtifactError(f"it has no signature {file.name} that can be read") from None
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, content)
    except InvalidSignature:
        raise ArtifactError(f"its signature {file.name} is not the trusted key's, of it") from None


def _read_key(path: Path) -> bytes:
    _require_cryptography()
    try:
        return read_file(path, MAX_KEY_BYTES)
    except OSError as error:
        raise SigningError(f"{path}: {error.strerror}") from None
    except ArtifactError as error:
        raise SigningError(f"{path}: {error}") from None


def _require_cryptography() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise SigningError("needs cryptography: pip install 'malignancy[signing]'") from None
