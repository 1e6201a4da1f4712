"""Ask and tell: what was told of some CSVs says what to expect of others, and chance is not taken for progress."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scored import scored

from pixelkit.scores.fuser import Fuser
from pixelkit.scores.metrics import Curve, average_precision
from pixelkit.scores.recipe import ChannelRecipe, Recipe
from pixelkit.scores.table import ScoreTable
from pixelkit.tuning.ask_candidates import CHANGES, draw, vary
from pixelkit.tuning.ask_labels import LabelGuesses
from pixelkit.tuning.ask_ladder import climb, noise_of
from pixelkit.tuning.ask_outlook import Outlook, Upload
from pixelkit.tuning.leaderboard import Ask, LeaderboardSearch
from pixelkit.tuning.space import ChannelSpace, SearchSpace

VIDEOS = [f"{number:02d}" for number in range(1, 9)]
GOOD, WEAK, BAD = (
    Recipe({f"{name}.score": ChannelRecipe()}, "gaussian", 3.0) for name in ("good", "weak", "bad")
)


class Board:
    """A leaderboard: labels that only the test knows play it."""

    def __init__(self, values: NDArray[np.float64] | None = None, channels: Sequence[str] = ()) -> None:
        table, labels = scored(VIDEOS, seed=1)
        self.labels = np.concatenate(list(labels.values()))
        if values is not None:
            table = ScoreTable(table.video, table.number, channels, values)
        self.fuser = Fuser(table)
        self.equal = Recipe.untuned(table.channels)
        self.space = SearchSpace.around(self.equal, calibrated=())
        self.search = self.new_search(self.equal)

    def new_search(self, *begin: Recipe, seed: int = 0) -> LeaderboardSearch:
        return LeaderboardSearch(self.fuser, self.space, begin, seed=seed)

    def ask(self, uploads: Sequence[Upload]) -> Ask:
        return next(self.search.ask(uploads))

    def score(self, recipe: Recipe) -> float:
        found = average_precision(self.labels, self.fuser.fuse(recipe))
        assert found is not None
        return found

    def told(self, recipe: Recipe, score: float | None = None) -> Upload:
        score = self.score(recipe) if score is None else score
        return Upload(recipe.to_json(), self.fuser.fuse(recipe), recipe, score)

    def untold(self, recipe: Recipe, *, waits: bool = True) -> Upload:
        return Upload(recipe.to_json(), self.fuser.fuse(recipe), recipe, waits=waits)

    def outlook(self, *uploads: Upload, of: Recipe) -> tuple[float, float]:
        """Return the score to expect of a recipe, and its standard deviation."""
        guesses = self.search.guesses(uploads)
        aps = guesses.average_precision(guesses.order(self.fuser.fuse(of)))
        prospect = Outlook(guesses, uploads).of(aps[None, :])
        return float(prospect.expected[0]), float(prospect.deviation[0])


@pytest.fixture(scope="module")
def board() -> Board:
    return Board()


@pytest.fixture(scope="module")
def uploads(board: Board) -> list[Upload]:
    """Six asks in a row, each told before the next."""
    search = board.search
    known: list[Upload] = []
    for _ in range(6):
        known.append(board.told(next(search.ask(known)).recipe))
    return known


def draw_labels(board: Board, guesses: LabelGuesses) -> NDArray[np.bool_]:
    """Return which frames each guess finds anomalous: an order with that frame alone in front has no AP of 0."""
    frames = len(guesses.rows)
    alone = [np.bincount([frame], minlength=frames).astype(float) for frame in range(frames)]
    order = guesses.order(board.fuser.fuse(GOOD))
    return np.stack([guesses.average_precision(order, weights) for weights in alone]) > 0


def test_ap_under_a_guess_is_the_ap_of_its_labels(board: Board) -> None:
    guesses = board.search.guesses([])
    labels, scores = draw_labels(board, guesses), board.fuser.fuse(GOOD)
    weights = np.random.default_rng(0).integers(0, 3, len(scores)).astype(float)
    curves = [Curve(labels[:, guess], scores) for guess in range(5)]
    order = guesses.order(scores)
    assert guesses.average_precision(order)[:5] == pytest.approx(
        [curve.average_precision() for curve in curves], abs=0.003
    )
    assert guesses.average_precision(order, weights, 5) == pytest.approx(
        [curve.average_precision(weights) for curve in curves], abs=0.003
    )


def test_guesses_are_of_rare_and_of_frequent_anomalies_that_last(board: Board) -> None:
    labels = draw_labels(board, board.search.guesses([]))
    share = labels.mean(axis=0)
    assert share.min() < 0.1
    assert share.max() > 0.6
    changes = (labels[1:] != labels[:-1]).mean(axis=0)
    assert (
        np.median(changes / (2 * share * (1 - share))) < 0.5
    )  # 1 where frames have nothing to do with each other


def test_told_scores_move_the_guesses_to_labels_that_give_them(board: Board) -> None:
    told = [board.told(GOOD), board.told(WEAK), board.told(BAD)]
    before, after = board.search.guesses([]), board.search.guesses(told)
    for upload in told:
        errors = [
            np.abs(guesses.average_precision(guesses.order(upload.scores)) - (upload.score or 0.0)).mean()
            for guesses in (before, after)
        ]
        assert errors[1] < 0.3 * errors[0]


def test_what_was_told_is_expected_again_and_its_neighbours_nearly(board: Board) -> None:
    told = [board.told(GOOD), board.told(BAD)]
    expected, deviation = board.outlook(*told, of=GOOD)
    assert expected == pytest.approx(board.score(GOOD), abs=0.01)
    assert deviation < 0.01
    near = Recipe(GOOD.channels, "gaussian", 5.0)
    assert board.outlook(*told, of=near)[0] == pytest.approx(board.score(near), abs=0.05)
    assert deviation < board.outlook(*told, of=near)[1] < board.outlook(*told, of=WEAK)[1]


def test_a_score_that_waits_narrows_and_does_not_move_what_is_expected(board: Board) -> None:
    told = board.told(board.equal)
    expected, deviation = board.outlook(told, of=WEAK)
    with_waiting, narrower = board.outlook(told, board.untold(WEAK), of=WEAK)
    assert with_waiting == pytest.approx(expected)
    assert narrower < 0.1 * deviation
    assert board.outlook(told, board.untold(WEAK, waits=False), of=WEAK)[1] == pytest.approx(deviation)


def test_a_good_csv_from_elsewhere_teaches_which_channel_is_good(board: Board) -> None:
    elsewhere = Upload("elsewhere", board.labels + 0.01 * board.fuser.fuse(GOOD), score=0.99)
    told = board.told(board.equal)
    apart = board.outlook(told, of=GOOD)[0] - board.outlook(told, of=BAD)[0]
    known = board.outlook(told, elsewhere, of=GOOD)[0] - board.outlook(told, elsewhere, of=BAD)[0]
    assert known > apart + 0.2


def test_while_nothing_is_told_the_recipes_to_begin_with_come_first(board: Board) -> None:
    search = board.new_search(WEAK, board.equal)
    assert next(search.ask([])).recipe == WEAK
    assert next(search.ask([board.untold(WEAK)])).recipe == board.equal
    third = next(search.ask([board.untold(WEAK), board.untold(board.equal)])).recipe
    assert third not in (WEAK, board.equal)


def test_asks_get_within_reach_of_the_best_recipe_where_random_ones_do_not(
    board: Board, uploads: list[Upload]
) -> None:
    best = max(upload.score or 0.0 for upload in uploads)
    drawn = draw(board.space, 300, np.random.default_rng(9))
    assert best > np.quantile([board.score(recipe) for recipe in drawn], 0.98)


def test_the_same_uploads_give_the_same_ask_and_the_seed_decides(board: Board, uploads: list[Upload]) -> None:
    again, other = (next(board.new_search(board.equal, seed=seed).ask(uploads[:4])) for seed in (0, 1))
    assert again.recipe == uploads[4].recipe
    assert other.recipe != again.recipe


def test_asking_again_without_telling_proposes_another_one(board: Board, uploads: list[Upload]) -> None:
    known = list(uploads[:3])
    for _ in range(3):
        recipe = board.ask(known).recipe
        ranks = [guess.scores.argsort().argsort() for guess in known]
        mine = board.fuser.fuse(recipe).argsort().argsort()
        assert all(np.abs(mine - others).max() > 0 for others in ranks)
        known.append(board.untold(recipe))


def test_a_recipe_that_makes_the_ranks_of_an_upload_is_no_news(board: Board) -> None:
    stretched = Recipe({"good.score": ChannelRecipe(weight=7.0)}, "gaussian", 3.0)
    search = board.new_search(stretched)
    assert next(search.ask([])).recipe == stretched
    assert all(ask.recipe != stretched for ask in search.ask([board.untold(GOOD, waits=False)]))


def test_scores_that_contradict_each_other_do_no_harm(board: Board) -> None:
    known = [board.told(GOOD, 0.2), board.told(GOOD, 0.9), board.told(BAD, 1.0), board.told(WEAK, 0.0)]
    ask = board.ask(known)
    assert np.isfinite([ask.expected, ask.deviation]).all()


def test_one_channel_is_enough() -> None:
    table, _ = scored(VIDEOS, seed=1)
    alone = Board(table.values[:, :1].astype(float), ["good.score"])
    search = alone.search
    known: list[Upload] = []
    for _ in range(4):
        known.append(alone.told(next(search.ask(known)).recipe))
    assert max(upload.score or 0.0 for upload in known) >= alone.score(alone.equal)


def test_when_every_recipe_was_sent_there_is_nothing_to_ask(board: Board) -> None:
    only = ChannelSpace(1.0, ("rank, global, 1", "z, global, 1"), (1.0,), False, "weight", "scale")
    space = SearchSpace({"good.score": only}, ("gaussian", "none"), (3.0,), ("rank average",))
    search = LeaderboardSearch(board.fuser, space, [GOOD])
    known: list[Upload] = []
    while ask := next(search.ask(known), None):
        known.append(board.told(ask.recipe))
    # Unsmoothed, ranks and z-scores of one channel come in the same order.
    assert len(known) == 3


def test_only_the_rows_that_the_leaderboard_measures_count(board: Board) -> None:
    rows = np.arange(120, 300)
    search = LeaderboardSearch(board.fuser, board.space, [board.equal], rows=rows, seed=0)
    scores = board.fuser.fuse(GOOD)
    elsewhere = np.where(np.isin(np.arange(480), rows), scores, 0.0)
    guesses = search.guesses([])
    assert set(guesses.rows.tolist()) <= set(rows.tolist())
    assert np.array_equal(guesses.order(scores), guesses.order(elsewhere))


def test_varied_recipes_differ_from_a_parent_in_a_few_parameters(board: Board) -> None:
    rng = np.random.default_rng(0)
    outside = Recipe(board.equal.channels, "gaussian", 1234.5)
    varied = vary(board.space, [outside, board.equal], 50, rng)
    assert len(varied) > 40
    parent = board.space.parameters(board.equal)
    for recipe in varied:
        mine = board.space.parameters(recipe)
        assert sum(mine[name] != parent[name] for name in parent) <= CHANGES
    assert not vary(board.space, [outside], 50, rng)


def test_noise_is_what_resampling_videos_with_the_real_labels_gives(
    board: Board, uploads: list[Upload]
) -> None:
    guesses = board.search.guesses([*uploads, board.told(GOOD), board.told(WEAK)])
    estimated = noise_of(guesses, board.told(GOOD), board.told(WEAK), seed=0)
    rng = np.random.default_rng(3)
    curves = [Curve(board.labels, board.fuser.fuse(recipe)) for recipe in (GOOD, WEAK)]
    drawn = [np.bincount(rng.integers(0, 8, 8), minlength=8).repeat(60).astype(float) for _ in range(300)]
    real = np.std([curves[0].average_precision(w) - curves[1].average_precision(w) for w in drawn])  # type: ignore[operator]
    assert real / 2 < estimated < real * 2


def test_a_gain_within_the_noise_is_not_accepted_and_a_larger_one_is(board: Board) -> None:
    guesses = board.search.guesses([board.told(WEAK), board.told(GOOD)])
    noise = noise_of(guesses, board.told(GOOD), board.told(WEAK), seed=0)
    assert noise > 0.005
    for gain, accepted in ((0.5 * noise, False), (1.5 * noise, True), (-noise, False)):
        first, second = climb([board.told(WEAK, 0.5), board.told(GOOD, 0.5 + gain)], guesses, seed=0)
        assert (first.accepted, first.against) == (True, None)
        assert (second.accepted, second.against) == (accepted, first.id)


def test_small_gains_do_not_add_up_against_a_best_that_was_left_behind(board: Board) -> None:
    steps = [board.told(Recipe(WEAK.channels, "gaussian", width), 0.5) for width in (3.0, 5.0, 7.0)]
    guesses = board.search.guesses(steps)
    noise = noise_of(guesses, steps[1], steps[0], seed=0)
    scores = [0.5, 0.5 + 0.6 * noise, 0.5 + 20 * noise]
    told = [
        board.told(upload.recipe, score)
        for upload, score in zip(steps, scores, strict=True)
        if upload.recipe is not None
    ]
    rungs = climb(told, guesses, seed=0)
    assert [rung.accepted for rung in rungs] == [True, False, True]
    assert rungs[2].against == rungs[0].id


def test_equal_ranks_have_no_noise_and_no_gain(board: Board) -> None:
    guesses = board.search.guesses([])
    assert noise_of(guesses, board.told(GOOD), board.told(GOOD), seed=0) == 0
    assert [rung.accepted for rung in climb([board.told(GOOD), board.told(GOOD)], guesses, seed=0)] == [
        True,
        False,
    ]
    assert climb([board.untold(GOOD)], guesses, seed=0) == []
