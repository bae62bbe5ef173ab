"""The routes that recommend: with and without an experiment."""

from fastapi import APIRouter, Request, Response

from prismrec.service import responses as out
from prismrec.service import schemas as s
from prismrec.service.context import RouteContext
from prismrec.service.variant_answers import VariantAnswering


def add_lists(routes: APIRouter, context: RouteContext) -> None:
    """Add the routes of lists; while an experiment runs, answers name the variant."""
    if context.variant_answering is not None:
        _add_lists_of_variants(routes, context, context.variant_answering)
        return
    answering = context.answering

    @routes.post("/v1/recommend", **context.route("read", out.ServedAnswer))
    async def recommend(request: s.RecommendRequest) -> Response:
        """Recommend items to a user or a history."""
        return out.reply(await answering.answer(request))

    @routes.post("/v1/recommend/batch", **context.route("read", out.Answers))
    async def recommend_batch(batch: s.BatchRequest) -> Response:
        """Recommend items to several users or histories."""
        return out.reply(out.Answers(await answering.answer_all(batch.requests)))


def _add_lists_of_variants(
    routes: APIRouter, context: RouteContext, answering: VariantAnswering
) -> None:

    @routes.post("/v1/recommend", **context.route("read", out.VariantAnswer))
    async def recommend(request: s.RecommendRequest, http: Request) -> Response:
        """Recommend items to a user or a history."""
        return out.reply(await answering.answer(request, http.state.request_id))

    @routes.post("/v1/recommend/batch", **context.route("read", out.VariantAnswers))
    async def recommend_batch(batch: s.BatchRequest, http: Request) -> Response:
        """Recommend items to several users or histories."""
        answers = await answering.answer_all(batch.requests, http.state.request_id)
        return out.reply(out.VariantAnswers(answers))
