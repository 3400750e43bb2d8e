from model.network.row_weights import row_shares


def test_shares_add_to_one() -> None:
    assert row_shares([1, 3], 2, "float64").tolist() == [0.25, 0.75]
    assert row_shares(None, 4, "float32").tolist() == [0.25] * 4
