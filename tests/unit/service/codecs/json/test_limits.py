"""service/codecs/json/limits.py: counts of punctuation, and the memory of parsed texts."""

import pytest

from service.codecs.json.limits import count_byte, parsed_bytes


@pytest.mark.parametrize("repeats", [0, 1, 1000, 5000, 20_000, 40_000])
def test_bytes_are_counted_in_texts_of_any_size(repeats: int) -> None:
    text = b'{"a":[1,2]},' * repeats + b"\xff,"
    for byte in (b"{", b",", b"\xff", b"x"):
        assert count_byte(text, byte) == text.count(byte)


@pytest.mark.parametrize(
    ("characters", "bytes_of_each"),
    [("a\\n", 1), ("é", 1), ("ł", 2), ("€", 2), ("😀", 4), ("\\u00e9", 4), ("é\\u00e9", 4)],
)
def test_memory_of_a_string_follows_its_widest_character(
    characters: str, bytes_of_each: int
) -> None:
    text = f'["{characters}"]'.encode()
    plain = b'["' + b"a" * (len(text) - 4) + b'"]'
    wider = 2 * (bytes_of_each - 1) * len(text)
    assert parsed_bytes(text) - parsed_bytes(plain) == wider
