"""Check that a term of the loss that cannot change a training is an error."""

import pytest

from prismrec.data.split import split_by_user
from prismrec.errors import ConfigError
from prismrec.models import EXTRACTORS
from prismrec.training import RunConfig, TrainConfig, fit, with_one_interest
from prismrec.training.defaults import dataset_stats, resolve_defaults
from prismrec.training.regularizing import idle_regularizers
from worlds import small_dataset

BOTH = {"routing_variance": 0.5, "disagreement": 0.5}


@pytest.fixture(scope="module")
def dataset():
    return small_dataset()


def resolved(dataset, **settings):
    stats = dataset_stats(split_by_user(dataset), dataset.catalog)
    return resolve_defaults(RunConfig(dim=8, **settings), TrainConfig(), stats)[0]


@pytest.mark.parametrize(
    ("settings", "idle"),
    [
        ({"extractor": "dr"}, ["routing_variance"]),
        ({"extractor": "mind"}, ["routing_variance"]),
        ({"extractor": "gru"}, ["routing_variance", "disagreement"]),
        ({"extractor": "mean"}, ["routing_variance", "disagreement"]),
        ({"extractor": "sa"}, []),
        ({"extractor": "sa", "interests": 1}, ["disagreement"]),
        ({"extractor": "prism", "interests": 2}, []),
        ({"extractor": "prism"}, ["disagreement"]),
        ({"extractor": "transformer", "interests": 2}, []),
        ({"extractor": "transformer", "interests": 1}, ["routing_variance", "disagreement"]),
    ],
)
def test_the_terms_that_cannot_change_a_training_are_known(dataset, settings, idle):
    assert idle_regularizers(resolved(dataset, **settings, **BOTH)) == idle


@pytest.mark.parametrize("extractor", EXTRACTORS)
def test_without_weights_nothing_is_refused(dataset, extractor):
    assert idle_regularizers(resolved(dataset, extractor=extractor)) == []


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"extractor": "dr", "routing_variance": 0.5}, "routing_variance is 0.5, .* 'dr' with 4 "),
        ({"disagreement": 0.5}, "disagreement is 0.5, .* 'prism' with 1 interest; set it to 0"),
    ],
)
def test_such_a_term_is_an_error_before_the_first_step(dataset, settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        fit(split_by_user(dataset), dataset.catalog, RunConfig(dim=8, **settings))


def test_the_same_model_with_one_interest_is_trained_without_such_terms(dataset):
    for extractor, kept in (("sa", 0.5), ("transformer", 0.0)):
        single = with_one_interest(resolved(dataset, extractor=extractor, interests=3, **BOTH))
        assert (single.interests, single.routing_variance, single.disagreement) == (1, kept, 0.0)
        assert idle_regularizers(single) == []
