"""The recipe of a run that goes on from a trained model, where none is given."""

from dataclasses import replace
from pathlib import Path

from brf_deploy.errors import InvalidInput
from brf_deploy.evaluation import check_task
from brf_deploy.float_file import load_float_network
from brf_deploy.task import Decision, Task, load_task
from brf_training import quantized as defaults
from brf_training.objective import Loss, Objective
from brf_training.recipe import FreshNetwork, Recipe, TrainedNetwork
from brf_training.recipe_file import load_recipe, shipped_recipes

# Which steps the loss looks at where so many decide, as in every recipe of Higuchi et al. 2024, Table 3.
LOSS = {
    Decision.EVERY_STEP: Loss.EVERY_STEP_SUM,
    Decision.MEAN: Loss.EVERY_STEP_SUM,
    Decision.LAST_STEP: Loss.LAST_STEP,
}
# A float network that is to fit nothing: half the rate of the ECG recipe; the published ECG network stays at 86 %.
PLAIN = {"epochs": 12, "batch_size": 32, "learning_rate": 0.05, "slow_share": 0.1}
# Within a budget or with fewer synapses: found on the same network, one for budgets of 800 to 5,000 spikes (0020).
LEAN = {"epochs": 60, "batch_size": 16, "learning_rate": 0.1, "slow_share": 1.0}
# Through the integers (0019).
QUANTIZED = {
    "epochs": defaults.EPOCHS,
    "batch_size": defaults.BATCH_SIZE,
    "learning_rate": defaults.LEARNING_RATE,
    "slow_share": defaults.SLOW_SHARE,
}


def fine_tuning_recipe(path: Path, task: Task | None = None, *, quantized: bool = False, lean: bool = False) -> Recipe:
    """Adam with a linear decay, with values found for what the network is to fit, and the task's own clipping.

    task: the model's by default. quantized: few bits. lean: a budget, or fewer synapses; with few bits that takes
    no other rates, only the longer time. Raises `InvalidFile` where there is no model, `InvalidInput` where it does not
    fit the task.
    """
    settings = QUANTIZED if quantized else LEAN if lean else PLAIN
    if lean:
        settings = {**settings, "epochs": LEAN["epochs"]}
    network = load_float_network(path)
    task = task or load_task(network.task)
    check_task(network, task)
    clip_norm = load_recipe(task.name).clip_norm if task.name in shipped_recipes() else None
    return Recipe(
        task=task.name,
        description=f"fine-tuning of {path.name}",
        seed=0,
        network=TrainedNetwork.at(path),
        schedule="linear",
        objective=Objective(LOSS[task.decision], network.skip_steps),
        clip_norm=clip_norm,
        validation_fraction=0.1,
        **settings,  # type: ignore[arg-type]
    )


def going_on(recipe: Recipe, path: Path) -> Recipe:
    """The recipe, for the model at `path` in place of the network that it describes.

    Raises `InvalidFile` where there is no model, `InvalidInput` where the recipe is for neurons of another kind.
    """
    kinds = {layer.neurons.kind for layer in load_float_network(path).layers}
    wanted = recipe.network
    if isinstance(wanted, FreshNetwork) and kinds != {wanted.neuron.kind}:
        raise InvalidInput(
            f"model '{path}': {' and '.join(sorted(kinds))} neurons found, the recipe is for {wanted.neuron.kind}; "
            "take one for the model's own kind, or leave --recipe away"
        )
    return replace(recipe, network=TrainedNetwork.at(path), description=f"{recipe.description}; from {path.name}")
