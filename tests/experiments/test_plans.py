"""Presets hold the runs that the figures need, and nothing that was not asked for."""

from __future__ import annotations

import pytest
from bnverify.experiments import figures
from bnverify.experiments.data import sets as data
from bnverify.experiments.run.plans import plan
from bnverify.experiments.run.presets import PRESETS
from bnverify.experiments.run.recipes import DEPTHS, DlnRecipe, VggRecipe, digest

from bnverify.base.errors import InputError


def test_quick_has_five_seeds_of_every_network_and_both_rates_of_the_linear_ones() -> None:
    runs = plan("quick")
    assert sum(r.family == "vgg" for r in runs) == 7 * 5
    assert {(r.recipe.norm, r.recipe.lr) for r in runs if r.family == "dln"} == {
        (norm, lr) for norm in ("none", "batchnorm", "l1", "l2", "linf") for lr in (1e-6, 1e-7)
    }
    assert all(r.recipe.seeds == 5 for r in runs if isinstance(r.recipe, DlnRecipe))
    assert all(r.recipe.checkpoints >= 25 for r in runs if r.family in ("vgg", "dln"))


def test_paper_has_the_papers_recipes_on_cifar10() -> None:
    runs = plan("paper")
    vgg = [r.recipe for r in runs if isinstance(r.recipe, VggRecipe) and r.family != "sweep"]
    assert {(r.data, r.device, r.steps, r.batch_size) for r in vgg} == {("cifar10", "cuda", 15_000, 128)}
    assert {r.recipe.steps for r in runs if r.family == "sweep"} == {7_500}
    linear = [r.recipe for r in runs if r.family == "dln" and isinstance(r.recipe, DlnRecipe)]
    assert {(r.steps, r.layers, r.dim, r.samples) for r in linear} == {(10_000, 25, 10, 1000)}
    assert {r.lr for r in linear} == {1e-6, 1e-7}


def test_linear_has_24_seeds_of_every_network_at_both_rates_and_whole_seeds_at_the_papers_rate_first() -> (
    None
):
    runs = plan("linear")
    seeds: dict[tuple[str, float], list[int]] = {}
    for run in runs:
        recipe = run.recipe
        assert isinstance(recipe, DlnRecipe)
        assert (recipe.steps, recipe.layers, recipe.dim, recipe.samples) == (10_000, 25, 10, 1000)
        if run.family == "dln":
            seeds.setdefault((recipe.norm, recipe.lr), []).extend(
                range(recipe.seed, recipe.seed + recipe.seeds)
            )
    assert seeds == {
        (norm, lr): list(range(24))
        for norm in ("none", "batchnorm", "l1", "l2", "linf")
        for lr in (1e-6, 1e-7)
    }
    begun = [
        (r.recipe.lr != 1e-6, r.recipe.norm not in ("none", "batchnorm"), r.recipe.seed)
        for r in runs
        if r.family == "dln"
    ]
    primary = [key for key in begun if not key[0]]
    assert begun[: len(primary)] == sorted(primary)


@pytest.mark.parametrize("preset", PRESETS)
def test_no_two_runs_share_a_folder_or_a_recipe(preset: str) -> None:
    runs = plan(preset)
    assert len({r.path for r in runs}) == len(runs)
    assert len({digest(r.recipe) for r in runs}) == len(runs)


@pytest.mark.parametrize("figure", ["1", "4", "7", "10", "predict", "effects", "init", "others"])
def test_a_figure_takes_its_own_networks_alone(figure: str) -> None:
    preset = "beyond" if figure in ("init", "others") else "quick"
    needs = figures.needs((figure,))
    runs = plan(preset, needs=needs)
    assert 0 < len(runs) < len(plan(preset))
    families = {family for family, _ in needs}
    assert {r.family for r in runs} == families


@pytest.mark.parametrize(
    "words",
    ["2", "fig-2", "fig_2", "Figure 2", "fig. 2", "FIG 2", "2a", "Figure 2(a)"],
)
def test_a_figure_is_known_by_its_id_and_by_what_people_call_it(words: str) -> None:
    assert figures.needs((words,)) == figures.needs(("2",))


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("fig-10.larger-distances", "10"),
        ("fig-5.dln", "5"),
        ("fig-1a", "1"),
        ("fig_3_dln", "3"),
        ("Init", "init"),
    ],
)
def test_every_part_of_a_figure_means_the_figure(words: str, number: str) -> None:
    assert figures.named(words) == number


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("protokol", "did you mean protocol"),
        ("fig-14", "figure 'fig-14' is unknown"),
        ("fig-10.larger-distance", r"did you mean fig-10\.larger-distances"),
        ("2 networks", "unknown"),
        ("", "unknown"),
    ],
)
def test_an_unknown_figure_is_refused_with_the_nearest(words: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        figures.needs((words,))


def test_seeds_data_device_and_fields_are_taken_over() -> None:
    runs = plan(
        "quick", seeds=2, data="/pictures", device="cuda:1", overrides=("steps=7", "width=0.5", "layers=3")
    )
    vgg = [r.recipe for r in runs if isinstance(r.recipe, VggRecipe)]
    assert {(r.data, r.device, r.width, r.steps) for r in vgg} == {("/pictures", "cuda:1", 0.5, 7)}
    assert {r.seed for r in vgg} == {0, 1}
    linear = [r for r in runs if isinstance(r.recipe, DlnRecipe)]
    assert {r.recipe.steps for r in linear} == {7}
    assert {r.recipe.layers for r in linear if r.family != "depth"} == {3}
    assert {r.recipe.layers for r in linear if r.family == "depth"} == set(DEPTHS)


def test_beyond_starts_from_glorots_weights_times_a_factor_and_trains_on_all_digits_at_once() -> None:
    runs = plan("beyond")
    assert {r.recipe.init_gain for r in runs if r.family == "init"} == {0.5, 2.0, 4.0}
    assert {(r.recipe.norm, r.recipe.lr) for r in runs if r.family == "start"} == {
        (norm, 1e-6) for norm in ("none", "last-batchnorm", "batchnorm-relu")
    }
    whole = len(data.digits().train_y)
    assert {
        r.recipe.batch_size for r in runs if r.family == "full-batch" and isinstance(r.recipe, VggRecipe)
    } == {whole}


@pytest.mark.parametrize("preset", ["desk", "h100", "paper"])
def test_a_stop_leaves_whole_seeds_of_what_most_figures_compare(preset: str) -> None:
    runs = [r for r in plan(preset) if r.family == "vgg"]
    pairs = len({r.recipe.seed for r in runs}) * 2
    assert {r.recipe.norm for r in runs[:pairs]} == {"none", "batchnorm"}
    seeds = [r.recipe.seed for r in runs[:pairs]]
    assert seeds == sorted(seeds)


def test_unknown_figures_fields_and_single_seeds_are_refused() -> None:
    with pytest.raises(InputError, match="figure '14' is unknown"):
        figures.needs(("14",))
    with pytest.raises(InputError, match="--preset 'quik'; expected one of quick, linear"):
        plan("quik")
    with pytest.raises(InputError, match="preset linear trains nothing of what"):
        plan("linear", needs=figures.needs(("1",)))
    with pytest.raises(InputError, match="at least 2"):
        plan("quick", seeds=1)
    with pytest.raises(InputError, match="field 'colour'"):
        plan("quick", overrides=("colour=red",))
