"""Recipes: how a split becomes a recommender, with what is not given decided by rule."""

from prismrec.recipes.defaults import Traits, told, traits_of
from prismrec.recipes.fitting import RunConfig, Trained, fit, settle, single_of

__all__ = ["RunConfig", "Trained", "Traits", "fit", "settle", "single_of", "told", "traits_of"]
