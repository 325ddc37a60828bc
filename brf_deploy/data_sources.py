"""The datasets and published checkpoints this project can fetch: where from, under which licence, with which checksum.

Files have the same relative path in every data directory, whatever their name at the source.
"""

from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote

from brf_deploy.errors import InvalidInput


class Digest(Enum):
    """What a checksum is and what it is taken over.

    ``SHA256`` and ``MD5`` are of the file itself; MD5 only where nothing better is published: it tells damage, not
    malice. ``RECORDINGS`` is of the content of a tar archive, for archives that are packed anew on request: what
    ``cd recordings && LC_ALL=C sha256sum *.wav | sha256sum`` prints.
    """

    SHA256 = "sha256"
    MD5 = "md5"
    RECORDINGS = "sha256 of the recordings"


@dataclass(frozen=True)
class DataFile:
    """One file: its path in the data directory, sources in order of preference, accepted checksums, size in bytes.

    The size is of the copy that was measured, None where none was; another packing of the same content differs.
    """

    path: str
    urls: tuple[str, ...]
    sums: tuple[str, ...]
    size: int | None
    digest: Digest = Digest.SHA256


@dataclass(frozen=True)
class Dataset:
    """Files that are fetched together."""

    name: str
    description: str
    licence: str
    origin: str
    files: tuple[DataFile, ...]


def dataset(name: str) -> Dataset:
    """The dataset of that name; raises `InvalidInput` for an unknown one."""
    found = {entry.name: entry for entry in DATASETS}
    if name not in found:
        raise InvalidInput(f"dataset '{name}' is unknown; there are: {', '.join(found)}")
    return found[name]


# The reference implementation of Higuchi et al. 2024, and the repository of Yin et al. 2021 who encoded the ECG.
BRF_NEURONS = "AdaptiveAILab/brf-neurons/5d45b0e7d545f09b79d029bb40573200fde57fd7/experiments"
EFFICIENT_SPIKING_NETWORKS = "byin-cwi/Efficient-spiking-networks"
# The mirrors torchvision uses, in its order.
MNIST_MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist", "http://yann.lecun.com/exdb/mnist")
# Tag v1.0.10. GitHub packs it on request, so only the content has a checksum that lasts.
FSDD_COMMIT = "d6938f9bf1545aa66d8489fc9f1385a7abd64282"
# Their authors' site, and the one it was before.
HEIDELBERG_HOSTS = ("https://zenkelab.org/datasets", "https://compneuro.net/datasets")
SPEECH_COMMANDS_HOSTS = (
    "https://storage.googleapis.com/download.tensorflow.org",
    "http://download.tensorflow.org",
)


def _github(path: str) -> str:
    return f"https://raw.githubusercontent.com/{quote(path)}"


def _ecg(name: str, elsewhere: str, sha256: str, size: int) -> DataFile:
    urls = (_github(f"{BRF_NEURONS}/ecg/data/{name}"), _github(f"{EFFICIENT_SPIKING_NETWORKS}/{elsewhere}/{name}"))
    return DataFile(f"ecg/{name}", urls, (sha256,), size)


def _checkpoint(name: str, folder: str, original: str, sha256: str, size: int) -> DataFile:
    return DataFile(f"checkpoints/{name}", (_github(f"{BRF_NEURONS}/{folder}/models/{original}"),), (sha256,), size)


def _mnist(name: str, sha256: tuple[str, ...], size: int) -> DataFile:
    return DataFile(f"mnist/{name}", tuple(f"{mirror}/{name}" for mirror in MNIST_MIRRORS), sha256, size)


def _heidelberg(dataset: str, part: str, md5: str) -> DataFile:
    """The MD5 is the one that tonic (github.com/neuromorphs/tonic, hsd.py) has."""
    name = f"{dataset}_{part}.h5.zip"
    return DataFile(f"{dataset}/{name}", tuple(f"{host}/{name}" for host in HEIDELBERG_HOSTS), (md5,), None, Digest.MD5)


ECG = Dataset(
    "ecg",
    "QT Database ECG, level-crossing encoded, 618 + 141 records",
    "MIT",
    "QT Database (PhysioNet), encoded by Yin et al. 2021, redistributed by Higuchi et al. 2024",
    (
        _ecg(
            "QTDB_train.mat",
            "1331f6c052e73d48eb71a1dc62239948e874ecb2/data",
            "72d1a10c96f1540880447e07256835d66da419c0b34f3dff495731a7928c5bc7",
            537262,
        ),
        _ecg(
            "QTDB_test.mat",
            "25a29e8d1ebfef6df6a7689d76000f702a21e8d7/NMI_vis/ecg",
            "916f11e21679a5b61988305bbb7cd1e6df8b34f1ed4a157a7a4e295d400ef232",
            112720,
        ),
    ),
)

CHECKPOINTS = Dataset(
    "checkpoints",
    "trained networks published with the BRF paper",
    "MIT",
    "Higuchi et al. 2024, github.com/AdaptiveAILab/brf-neurons",
    (
        _checkpoint(
            "ecg_brf.pt",
            "ecg",
            "09-25_23-50-01_Adam(0.1),NLL,LinearLR,no_gc,RFSNN(4,36,6,sub_seq_length=0,bs=16,ep=400),"
            "RF(thres(0),abs(omega_uni(3.0,5.0)),sust_osc,abs(b_offset(uni(0.1,1.0))-q,theta(1),LinearMask(0.0))"
            "LI(20.0,1.0).pt",
            "7447cfb5006759c095218e3ae757029d79213463899fdcf3961471d7dd8f4e16",
            41510,
        ),
        _checkpoint(
            "ecg_rf.pt",
            "ecg",
            "05-21_13-51-07_217_Adam(0.1),NLL,LinearLR,no_gc,4,36,6,bs=16,ep=400,"
            "VRF(omega3.0,5.0,b0.1,1.0,NoR)LI(20.0,1.0).pt",
            "3055c531cf1c3314501d34ee405005454da546670a8ab8acdf763a5422ba505f",
            30659,
        ),
        _checkpoint(
            "ecg_alif.pt",
            "ecg",
            "10-06_14-07-40_Adam(0.05),NLL,LinearLR,no_gc,RSNN(4,36,6,sub_seq_10,bs_64,ep_400,h_o_bias(False)),"
            "ALIF(tau_m(20.0,0.5),tau_a(7.0,0.2),linearMask_0.0)LI(tau_m(20.0,0.5)).pt",
            "761784b3cd1d4984e349c589e168f6d7b39ed2d8701fa99f2c9c3411e2fa659a",
            39709,
        ),
        _checkpoint(
            "smnist_brf.pt",
            "smnist",
            "09-29_22-56-26_Adam(0.1),NLL,LinearLR,LabelLast(True),PERMUTED(False),RFSNN(1,256,10,bs=256,ep=300),"
            "RF(abs(omega_uni(15.0,50.0)),sust_osc,abs(b_offset(uni(0.1,1.0))-q,theta(1),linearMask(0.0))"
            "LI(norm_20.0,5.0).pt",
            "dd042842b41045dad12972baf3bb615f0fd2bf56c455cb138a71a648762fa480",
            1105100,
        ),
        _checkpoint(
            "smnist_rf.pt",
            "smnist",
            "12-15_00-43-36__2337_Adam(0.1),NLL,LinearLR,LabelLast(True),PERMUTED(False),"
            "RFSNN(1,256,10,bs=256,ep=300),RF(abs(omega_uni(15.0,50.0)),no_sust_osc,-abs(b(uni(0.1,1.0)),"
            "linearMask(0.0))LI(norm_20.0,5.0).pt",
            "456e717fdd3687c55457867ceb8ca060177f6a959d2aac124baf41a854aab21e",
            1104916,
        ),
        _checkpoint(
            "smnist_alif.pt",
            "smnist",
            "10-10_18-33-56_Adam(0.001),PERMUTED(False),LinearLR,NLL,LabelLast(True),TBPTT(50),"
            "RSNN(1,256,10,bs_256,ep_300,no_bias),ALIF(tau_m(20.0,5.0),tau_a(200.0,50.0),linearMask(0.0))"
            "LI(tau_m(20.0,5.0)).pt",
            "b427e03a6251f91feb3db8126a94bde7374153144ba733a959542f0507b5c06f",
            1103580,
        ),
    ),
)

MNIST = Dataset(
    "mnist",
    "handwritten digits, 60,000 + 10,000 images of 28 x 28",
    "CC BY-SA 3.0",
    "LeCun, Cortes and Burges",
    (
        _mnist(
            "train-images-idx3-ubyte.gz",
            # The official file, and a copy of the same images in another gzip wrapper.
            (
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "71524e2cd1ad2968737f7f2f2ff69cbfc32df8ccddff51593f7cb2d4e0eb5b64",
            ),
            9912422,
        ),
        _mnist(
            "train-labels-idx1-ubyte.gz",
            ("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",),
            28881,
        ),
        _mnist(
            "t10k-images-idx3-ubyte.gz",
            ("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",),
            1648877,
        ),
        _mnist(
            "t10k-labels-idx1-ubyte.gz",
            ("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",),
            4542,
        ),
    ),
)

FSDD = Dataset(
    "fsdd",
    "Free Spoken Digit Dataset, 3,000 recordings at 8 kHz",
    "CC BY-SA 4.0",
    "Jakobovski, github.com/Jakobovski/free-spoken-digit-dataset v1.0.10",
    (
        DataFile(
            "fsdd/free-spoken-digit-dataset.tar.gz",
            (f"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/{FSDD_COMMIT}.tar.gz",),
            ("1801eae019c063377d98f831d3f93574f259475df7332bb0e3d1b080fb5e6959",),
            16031887,
            Digest.RECORDINGS,
        ),
    ),
)

SHD = Dataset(
    "shd",
    "Spiking Heidelberg Digits, 8,156 + 2,264 records of 700 spike trains",
    "CC BY 4.0",
    "Cramer et al. 2022, zenkelab.org",
    (
        _heidelberg("shd", "train", "f3252aeb598ac776c1b526422d90eecb"),
        _heidelberg("shd", "test", "1503a5064faa34311c398fb0a1ed0a6f"),
    ),
)

SSC = Dataset(
    "ssc",
    "Spiking Speech Commands, 75,466 + 9,981 + 20,382 records of 700 spike trains",
    "CC BY 4.0",
    "Cramer et al. 2022, zenkelab.org, from Google Speech Commands v0.02",
    (
        _heidelberg("ssc", "train", "d102be95e7144fcc0553d1f45ba94170"),
        _heidelberg("ssc", "valid", "b4eee3516a4a90dd0c71a6ac23a8ae43"),
        _heidelberg("ssc", "test", "a35ff1e9cffdd02a20eb850c17c37748"),
    ),
)

GSC = Dataset(
    "gsc",
    "Google Speech Commands v0.02, 105,829 recordings of 35 words at 16 kHz",
    "CC BY 4.0",
    "Warden 2018, download.tensorflow.org",
    (
        DataFile(
            "gsc/speech_commands_v0.02.tar.gz",
            tuple(f"{host}/data/speech_commands_v0.02.tar.gz" for host in SPEECH_COMMANDS_HOSTS),
            # As torchaudio and TensorFlow Datasets have it.
            ("af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",),
            2428923189,
        ),
    ),
)

DATASETS = (ECG, CHECKPOINTS, MNIST, FSDD, SHD, SSC, GSC)
