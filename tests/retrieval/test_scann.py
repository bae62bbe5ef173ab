"""ScaNN: what the contract does not say of it."""

import numpy as np
import pytest

from prismrec.errors import DataError
from prismrec.retrieval.index import load_index


@pytest.mark.slow
def test_a_folder_that_would_be_unpickled_is_refused(tmp_path):
    pytest.importorskip("scann", reason="pip install '.[scann]'")
    from prismrec.retrieval.index.scann import Scann

    vectors = np.random.default_rng(0).standard_normal((50, 8)).astype(np.float32)
    Scann.build(vectors, np.arange(1, 51)).save(tmp_path / "index")
    (tmp_path / "index" / "scann" / "scann_docids.pkl").write_bytes(b"")
    with pytest.raises(DataError, match="would be unpickled"):
        load_index(tmp_path / "index")
