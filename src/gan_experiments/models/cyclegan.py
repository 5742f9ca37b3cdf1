"""CycleGAN: two translators that undo each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING
from torch import Tensor, nn

from gan_experiments.errors import UserError
from gan_experiments.losses import Loss
from gan_experiments.models.adversary import Adversary, Pool
from gan_experiments.models.base import Phase, Step
from gan_experiments.models.translation import TranslationModel
from gan_experiments.networks import Network, Norm, Translator
from gan_experiments.types import ImageShape, Inputs

GENERATORS = ("generator_a_to_b", "generator_b_to_a")


@dataclass
class CycleGan(TranslationModel):
    """Zhu, Park, Isola & Efros, ICCV 2017, equation 3: both generators in one step, then both discriminators.

    cycle: weight of mean |G_ba(G_ab(a)) - a| and of the same for b. identity: weight of mean |G_ba(a) - a| and of the
    same for b, as a share of `cycle` (section 5.2). pool: fakes kept for the discriminators.
    """

    cycle: float = MISSING
    identity: float = MISSING
    pool: int = MISSING

    translations = ("a_to_b", "b_to_a")
    weights = ("cycle",)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("identity", "pool"):
            if getattr(self, name) < 0:
                raise UserError(f"model.{name} must be 0 or more, not {getattr(self, name)}")

    def build(self, network: Network, loss: Loss, shape: ImageShape) -> dict[str, nn.Module]:
        assert shape.source is not None
        if self.identity and shape.source.channels != shape.channels:
            raise UserError(
                "the two domains differ in their channels, so no image is its own translation: model.identity=0"
            )
        self.a_to_b: Translator = network.translator(shape.source, shape)
        self.b_to_a: Translator = network.translator(shape, shape.source)
        self.joint: bool = network.generator_norm is not Norm.batch  # whose statistics are of one domain
        networks: dict[str, nn.Module] = dict(zip(GENERATORS, (self.a_to_b, self.b_to_a), strict=True))
        self.adversary: dict[str, Adversary] = {}
        for domain, of in (("b", shape), ("a", shape.source)) if self.adversarial else ():
            discriminator = networks[f"discriminator_{domain}"] = network.patches(of, self.discriminator_norm)
            self.adversary[domain] = self.adversary_of(discriminator, loss, f"_{domain}")
        self.pools: dict[str, Pool] = {domain: Pool(self.pool) for domain in self.adversary}
        return networks

    def translators(self) -> list[Translator]:
        return [self.a_to_b, self.b_to_a]

    def adversaries(self) -> dict[str, Adversary]:
        return {f"discriminator_{domain}": adversary for domain, adversary in self.adversary.items()}

    def averaged(self) -> tuple[str, ...]:
        return GENERATORS

    def phases(self) -> list[Phase]:
        generators = Phase("generators", GENERATORS, self.generator_loss)
        if not self.adversarial:
            return [generators]
        discriminators = Phase(
            "discriminators",
            tuple(self.adversaries()),
            self.discriminator_loss,
            same_batch=True,
            rate="discriminator",
            after=self.constrain,
        )
        return [generators, discriminators]

    def generator_loss(self, step: Step) -> dict[str, Tensor]:
        a, b = step.batch.sources, step.batch.images
        assert a is not None
        fake_b, same_b = self.translated(self.a_to_b, a, b, step)
        fake_a, same_a = self.translated(self.b_to_a, b, a, step)
        step.shared.update(fake_a=fake_a.detach(), fake_b=fake_b.detach())
        losses = {}
        if self.adversarial:
            losses["adversarial_a_to_b"] = self.judged("b", fake_b, b)
            losses["adversarial_b_to_a"] = self.judged("a", fake_a, a)
        if self.cycle:
            (back_a,) = self.through(self.b_to_a, step.noise, fake_b)
            (back_b,) = self.through(self.a_to_b, step.noise, fake_a)
            losses["cycle_a"] = self.cycle * distance(back_a, a)
            losses["cycle_b"] = self.cycle * distance(back_b, b)
        if same_a is not None and same_b is not None:
            losses["identity_a"] = self.cycle * self.identity * distance(same_a, a)
            losses["identity_b"] = self.cycle * self.identity * distance(same_b, b)
        return losses

    def translated(
        self, generator: Translator, source: Tensor, target: Tensor, step: Step
    ) -> tuple[Tensor, Tensor | None]:
        """What `generator` makes of its source domain and, for the identity term, of its target domain."""
        if not self.identity or not self.cycle:
            return self.through(generator, step.noise, source)[0], None
        if self.joint:
            fake, same = self.through(generator, step.noise, source, target)
        else:
            (fake,), (same,) = (self.through(generator, step.noise, batch) for batch in (source, target))
        return fake, same

    def judged(self, domain: str, fake: Tensor, real: Tensor) -> Tensor:
        adversary = self.adversary[domain]
        return adversary.generator_term(adversary.discriminator, fake, real)

    def discriminator_loss(self, step: Step) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = {}
        for domain, adversary in self.adversary.items():
            real = step.batch.images if domain == "b" else step.batch.sources
            assert real is not None
            fake = self.pools[domain].exchange(step.shared[f"fake_{domain}"], step.noise)
            losses |= adversary.terms(adversary.discriminator, real, fake, step)
        return losses

    def sample(self, networks: dict[str, nn.Module], inputs: Inputs, direction: str = "") -> Tensor:
        images: Tensor = networks[f"generator_{direction or 'a_to_b'}"](inputs.images, inputs.z)
        return images

    def panels(
        self, networks: dict[str, nn.Module], inputs: Inputs, direction: str = ""
    ) -> dict[str, Tensor]:
        assert inputs.images is not None
        back = "a_to_b" if direction == "b_to_a" else "b_to_a"
        output = self.sample(networks, inputs, direction)
        reconstruction = self.sample(networks, Inputs(z=inputs.z, images=output), back)
        return {"source": inputs.images, "output": output, "reconstruction": reconstruction}

    def scores(self, images: Tensor) -> Tensor | None:
        """Of images of the target domain, the mean over their patches."""
        if not self.adversarial:
            return None
        scores: Tensor = self.adversary["b"].discriminator(images)
        return scores.view(len(images), -1).mean(1)

    def state(self) -> dict[str, Any]:
        return {**super().state(), "pools": {domain: pool.state() for domain, pool in self.pools.items()}}

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        for domain, pool in self.pools.items():
            pool.load_state(state["pools"][domain])


def distance(x: Tensor, y: Tensor) -> Tensor:
    """mean |x - y|."""
    return (x - y).abs().mean()
