"""The NIR node at the input of a network: how messages enter, and the task that the network answers."""

from dataclasses import dataclass

from brf_deploy.encoding import Encoding
from brf_export.nir.fields import Integer, Integers, SchemaNode, Text


@dataclass(eq=False, kw_only=True)
class MessageNode(SchemaNode):
    """Integer messages x, 0 to maximum, one per channel and step.

    task: name of the task. skip_steps: first steps that the answer leaves out. inputs: channels. maximum: largest
    message. full_scale: the message that stands for 1.0. permutation (steps): pi, the order in which the network sees
    time; absent where it is not reordered. checksum: SHA-256 of the whole graph, see `brf_export.nir.contents`.
    """

    task: Text
    skip_steps: Integer
    inputs: Integer
    maximum: Integer
    full_scale: Integer
    permutation: Integers | None = None
    checksum: Text

    @property
    def width(self) -> int:
        """Input channels."""
        return self.inputs

    @property
    def encoding(self) -> Encoding:
        """The encoding that the fields describe."""
        return Encoding(self.maximum, self.full_scale, self.permutation)


@dataclass(eq=False, kw_only=True)
class MessagesFixed(MessageNode):
    r"""The messages of an integer network: they enter as the integers they are.

    .. math::
        y_t = x_{\pi(t)}
    """


@dataclass(eq=False, kw_only=True)
class Messages(MessageNode):
    r"""The messages of a float network.

    .. math::
        y_t = x_{\pi(t)} / \mathrm{full\_scale}

    notes: a JSON object of text, where the network came from.
    """

    notes: Text
