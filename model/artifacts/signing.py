"""Signatures of artifacts: Ed25519 (RFC 8032) over the file's bytes, 64 bytes in a file beside it.

Needs the package cryptography (extra `signing`), which is imported on first use. OpenSSL makes the
same signatures: openssl pkeyutl -sign -rawin -inkey KEY -in NAME.joblib -out NAME.joblib.sig
"""

from pathlib import Path
from typing import TYPE_CHECKING

from model.artifacts.atomic_write import write_atomically
from model.artifacts.repository import signature_of
from model.artifacts.safe_read import read_file
from model.errors import ArtifactError, SigningError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

SIGNATURE_BYTES = 64
RAW_KEY_BYTES = 32
MAX_KEY_BYTES = 1 << 16
OWNER_ONLY = 0o600


def make_keys(path: Path) -> Path:
    """Generate a key pair: the private key at `path`, the public key at `path` + `.pub`, both PEM.

    The private key is readable by its owner only (mode 0600).

    Returns:
        The path of the public key.

    Raises:
        SigningError: One of the files exists already, or cryptography is not installed.
        OSError: A file cannot be written.
    """
    _require_cryptography()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = path.with_name(f"{path.name}.pub")
    for file in (path, public):
        if file.exists() or file.is_symlink():
            raise SigningError(f"{file}: exists already, and keys are never overwritten")
    key = Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    write_atomically(
        path,
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        OWNER_ONLY,
    )
    public_pem = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    write_atomically(public, public_pem)
    return public


def read_private_key(path: Path) -> "Ed25519PrivateKey":
    """Read an Ed25519 private key: PEM without a password, or 32 raw bytes. Raises SigningError."""
    content = _read_key(path)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        if len(content) == RAW_KEY_BYTES:
            return Ed25519PrivateKey.from_private_bytes(content)
        key = load_pem_private_key(content, None)
    except Exception:  # cryptography raises several kinds of errors for invalid input
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningError(f"{path}: not an Ed25519 private key without a password")
    return key


def read_public_key(path: Path) -> "Ed25519PublicKey":
    """Read an Ed25519 public key: PEM, or 32 raw bytes. Raises SigningError."""
    content = _read_key(path)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        if len(content) == RAW_KEY_BYTES:
            return Ed25519PublicKey.from_public_bytes(content)
        key = load_pem_public_key(content)
    except Exception:  # cryptography raises several kinds of errors for invalid input
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise SigningError(f"{path}: not an Ed25519 public key")
    return key


def sign(path: Path, content: bytes, key: "Ed25519PrivateKey") -> Path:
    """Write the signature of an artifact beside it.

    Args:
        path: The artifact's path.
        content: The artifact's bytes.
        key: The private key.

    Returns:
        The path of the signature.

    Raises:
        OSError: The signature cannot be written.
    """
    file = signature_of(path)
    write_atomically(file, key.sign(content))
    return file


def check_signature(path: Path, content: bytes, key: "Ed25519PublicKey") -> None:
    """Verify an artifact's bytes against the signature beside it.

    Args:
        path: The artifact's path.
        content: The artifact's bytes.
        key: The trusted public key.

    Raises:
        ArtifactError: The signature is missing or unreadable, or does not verify.
    """
    file = signature_of(path)
    try:
        signature = read_file(file, SIGNATURE_BYTES)
    except (ArtifactError, OSError):
        raise ArtifactError(f"signature {file.name} is missing or cannot be read") from None
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, content)
    except InvalidSignature:
        raise ArtifactError(f"signature {file.name} does not verify with the trusted key") from None


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
