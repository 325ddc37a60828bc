"""Audio to spikes: the encoder on tones and silence, and the archives of recordings."""

import io
import tarfile
import wave
import zlib

import numpy as np
import pytest

from brf_deploy.errors import InvalidFile, MissingData
from brf_deploy.task import Decision, load_task
from brf_training.tasks import fsdd, gsc
from brf_training.tasks.encoder import AudioEncoder
from brf_training.tasks.fsdd import FSDD
from brf_training.tasks.gsc import GSC, WORDS
from brf_training.tasks.recordings import read_wav

ENCODERS = {"8 kHz": fsdd.ENCODER, "16 kHz": gsc.ENCODER}


@pytest.fixture(params=ENCODERS)
def encoder(request):
    return ENCODERS[request.param]


def tone(rate, frequency, seconds=1.0, amplitude=8000.0):
    time = np.arange(int(seconds * rate)) / rate
    return np.rint(amplitude * np.sin(2 * np.pi * frequency * time)).astype(np.int16)


def direct_spikes(encoder, audio):
    """The encoder's equations, one audio sample after the other, in complex double precision."""
    f = encoder.frequencies
    bandwidth = 24.7 * (0.00437 * f + 1)
    turn = np.exp((-np.pi * bandwidth + 2j * np.pi * f) / encoder.rate)
    samples = np.zeros(encoder.steps * encoder.step)
    samples[: len(audio)] = audio[: len(samples)]
    z, loudness = np.zeros(encoder.channels, complex), []
    for n, sample in enumerate(samples):
        z = turn * z + sample - 31 / 32 * (samples[n - 1] if n else 0)
        if n % encoder.step == encoder.step - 1:
            loudness.append(abs(z) * bandwidth * np.pi / encoder.rate)
    loudness = np.array(loudness)
    decibels = -encoder.span + np.arange(1, encoder.levels + 1) * encoder.span / encoder.levels
    levels = (loudness[..., None] >= loudness.max() * 10 ** (decibels / 20)).sum(-1)
    total, spikes = np.zeros(encoder.channels), []
    for step in levels:
        total += step
        spikes.append(total >= encoder.levels)
        total -= encoder.levels * spikes[-1]
    return np.array(spikes)


@pytest.mark.parametrize("seed", range(3))
def test_it_does_what_its_equations_say(seed):
    encoder = AudioEncoder(rate=8000, step=40, steps=30, low=120, high=3600, channels=12)
    audio = np.random.default_rng(seed).normal(0, 3000, 1100).astype(np.int16)
    # The kernel's 20 bits move a loudness by 1e-6 of itself; a level may be crossed a step earlier or later.
    differ = encoder.encode([audio])[:, 0] != direct_spikes(encoder, audio)
    assert differ.mean() < 0.003


@pytest.mark.parametrize("frequency", [200, 500, 1000, 2000, 3200])
def test_the_channel_of_a_tone_fires_most(encoder, frequency):
    spikes = encoder.encode([tone(encoder.rate, frequency)])[:, 0].sum(0)
    nearest = np.abs(encoder.frequencies - frequency).argmin()
    assert abs(int(spikes.argmax()) - nearest) <= 1
    assert spikes[nearest] > 0.8 * encoder.steps * (encoder.levels - 1) / encoder.levels
    far = np.abs(np.log2(encoder.frequencies / frequency)) > 1.5  # octaves
    assert spikes[far].max(initial=0) < 0.75 * spikes[nearest]  # a resonator of one pole falls by 6 dB an octave


def test_two_tones_fire_one_after_the_other():
    encoder = fsdd.ENCODER
    audio = np.concatenate([tone(8000, 400, 0.5), tone(8000, 1600, 0.5)])
    spikes = encoder.encode([audio])[:, 0]
    low, high = (int(np.abs(encoder.frequencies - f).argmin()) for f in (400, 1600))
    assert spikes[10:100, low].sum() > 2 * spikes[10:100, high].sum()
    assert spikes[110:, high].sum() > 2 * spikes[110:, low].sum()


@pytest.mark.parametrize("audio", [
    np.zeros(8000, np.int16), np.zeros(0, np.int16), np.full(8000, 1000, np.int16)[:1] * 0,
    np.array([1, -1] * 4000, np.int16),
], ids=["silence", "nothing", "one sample", "the last bit"])  # fmt: skip
def test_silence_makes_no_spike(encoder, audio):
    assert not encoder.encode([audio]).any()


@pytest.mark.parametrize("gain", [2, 4])
def test_loudness_of_the_whole_does_not_matter(encoder, gain):
    audio = np.random.default_rng(0).integers(-2000, 2000, encoder.rate).astype(np.int16)
    assert np.array_equal(encoder.encode([audio]), encoder.encode([gain * audio]))


def test_recordings_do_not_see_each_other(encoder):
    audio = [tone(encoder.rate, f, seconds) for f, seconds in ((300, 0.2), (900, 1.0), (2500, 1.7))]
    together = encoder.encode(audio)
    for index, one in enumerate(audio):
        assert np.array_equal(together[:, index], encoder.encode([one])[:, 0])
    assert np.array_equal(encoder.encode([audio[2]]), encoder.encode([audio[2][: encoder.rate]]))  # cut


def test_the_loudest_sound_stays_exact():
    """Every sum of a kernel and audio is an integer below 2**53, whatever the order of summation."""
    encoder = gsc.ENCODER
    loudest = encoder._emphasised([np.array([32767, -32768] * 8000, np.int16)])
    kernel = encoder._powers(np.arange(encoder.step), 20)[0]
    assert np.abs(loudest).max() * np.abs(kernel).sum(0).max() < 2**53
    assert np.array_equal(loudest, np.rint(loudest))


def wav(audio, rate=8000, channels=1, width=2):
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(audio.tobytes())
    return content.getvalue()


def write_archive(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def fsdd_files(rate=8000):
    return {
        f"any/recordings/{digit}_anna_{take}.wav": wav(tone(rate, 300 + 200 * digit, 0.3), rate)
        for take in (7, 0, 4, 5)
        for digit in (3, 1)
    }


def write_fsdd(root, files):
    return write_archive(root / "fsdd" / "free-spoken-digit-dataset.tar.gz", files)


def test_fsdd_splits_by_take_in_order_of_names(tmp_path):
    write_fsdd(tmp_path, {"README.md": b"text", **fsdd_files()})
    for _ in range(2):  # anew, then from the cache
        train, test = FSDD.load("train", tmp_path), FSDD.load("test", tmp_path)
        assert train.labels.tolist() == test.labels.tolist() == [1, 1, 3, 3]
        expected = fsdd.ENCODER.encode([tone(8000, 500, 0.3), tone(8000, 900, 0.3)])
        assert np.array_equal(train.messages[:, [0, 2]], expected)
        assert train.messages.shape == (200, 4, 40)


@pytest.mark.parametrize(("files", "message"), [
    (fsdd_files(16000), r"'any/recordings/3_anna_7\.wav' has .* at 16000 Hz, needed 1 of 16 bits at 8000 Hz"),
    ({"3_a_7.wav": wav(tone(8000, 300), channels=2)}, r"'3_a_7\.wav' has 2 channel\(s\) of 16 bits at 8000 Hz"),
    ({"3_a_7.wav": wav(tone(8000, 300), width=1)}, r"'3_a_7\.wav' has 1 channel\(s\) of 8 bits"),
    ({"3_a_7.wav": wav(tone(8000, 300))[:-100]}, r"'3_a_7\.wav' ends after 7950 of 8000 audio samples"),
    ({"3_a_7.wav": wav(tone(8000, 300))[:30]}, r"'3_a_7\.wav' is not a whole \.wav file"),
    ({"3_a_7.wav": b""}, r"'3_a_7\.wav' is not a whole \.wav file"),
    ({"3_a_7.wav": b"text" * 100}, r"'3_a_7\.wav' is not a whole \.wav file"),
    ({"x_a_7.wav": wav(tone(8000, 300))}, r"'x_a_7\.wav' is not named DIGIT_SPEAKER_TAKE\.wav"),
    ({"README": b"text"}, "it holds no recording of this split"),
    ({}, "it holds no recording of this split"),
])  # fmt: skip
def test_ill_recordings_are_named(tmp_path, files, message):
    write_fsdd(tmp_path, files)
    with pytest.raises(InvalidFile, match=rf"free-spoken-digit-dataset\.tar\.gz': {message}.*data fetch fsdd"):
        FSDD.load("train", tmp_path)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_truncated_archives_are_refused(tmp_path, share):
    path = write_fsdd(tmp_path, fsdd_files())
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(InvalidFile, match=r"not a whole \.tar\.gz archive"):
        FSDD.load("train", tmp_path)


def test_flipped_bits_are_noticed(tmp_path):
    path = write_fsdd(tmp_path, fsdd_files())
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(30):
        damaged = bytearray(whole)
        damaged[rng.integers(60, len(whole))] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(InvalidFile, match=r"tar\.gz': "):
            FSDD.load("train", tmp_path)


def gsc_files():
    sounds = {
        f"./{word}/{speaker}_nohash_0.wav": wav(tone(16000, 300 + 20 * WORDS.index(word), 0.8), 16000)
        for word in ("yes", "bed", "zero")
        for speaker in ("c0", "a1", "b2")
    }
    lists = {"./validation_list.txt": b"bed/b2_nohash_0.wav\nyes/b2_nohash_0.wav\n",
             "./testing_list.txt": b"bed/a1_nohash_0.wav\nzero/a1_nohash_0.wav\nyes/a1_nohash_0.wav\n"}  # fmt: skip
    noise = {"./_background_noise_/hum.wav": wav(tone(16000, 100, 3), 16000), "./README.md": b"text"}
    return {**sounds, **noise, **lists}


def write_gsc(root, files):
    return write_archive(root / "gsc" / "speech_commands_v0.02.tar.gz", files)


def test_gsc_splits_by_its_own_lists(tmp_path):
    write_gsc(tmp_path, gsc_files())
    train, test = GSC.load("train", tmp_path), GSC.load("test", tmp_path)
    bed, yes, zero = (WORDS.index(word) for word in ("bed", "yes", "zero"))
    assert train.labels.tolist() == [bed, bed, yes, yes, zero, zero]
    assert train.validation.tolist() == [True, False, True, False, False, False]
    assert test.labels.tolist() == [bed, yes, zero]
    assert test.validation is None
    assert np.array_equal(test.messages[:, 0], gsc.ENCODER.encode([tone(16000, 300 + 20 * bed, 0.8)])[:, 0])
    assert len(WORDS) == GSC.classes == 35


@pytest.mark.parametrize(("change", "message"), [
    ({"./horse/a_nohash_0.wav": wav(tone(16000, 300), 16000)}, r"'horse/a_nohash_0\.wav' lies in a folder"),
    ({"./yes/d_nohash_0.wav": wav(tone(8000, 300))}, r"'yes/d_nohash_0\.wav' has .* at 8000 Hz, needed .* at 16000 Hz"),
    ({"./testing_list.txt": None}, r"no testing_list\.txt in it"),
])  # fmt: skip
def test_ill_speech_commands_are_named(tmp_path, change, message):
    files = {name: content for name, content in (gsc_files() | change).items() if content is not None}
    write_gsc(tmp_path, files)
    with pytest.raises(InvalidFile, match=rf"speech_commands_v0\.02\.tar\.gz': {message}.*data fetch gsc"):
        GSC.load("train", tmp_path)


@pytest.mark.parametrize("task", [FSDD, GSC])
def test_missing_data_says_how_to_get_it(tmp_path, task):
    assert load_task(task.name) is task
    assert task.decision is Decision.MEAN
    with pytest.raises(MissingData, match=f"brf-deploy data fetch {task.name}"):
        task.load("train", tmp_path)


def test_real_recordings(data_dir, tmp_path):
    """Counts of the official split, and spikes that are the same wherever they are made."""
    archive = "fsdd/free-spoken-digit-dataset.tar.gz"
    if not (data_dir / archive).is_file():
        pytest.skip(f"no {archive} in {data_dir}")
    (tmp_path / "fsdd").mkdir()
    (tmp_path / archive).symlink_to(data_dir / archive)
    test = FSDD.load("test", tmp_path)
    assert np.bincount(test.labels).tolist() == [30] * 10
    assert zlib.crc32(test.arrays[0]) == 2783121975


def test_a_damaged_wav_header_is_refused_or_read(tmp_path):
    rng, whole, refused = np.random.default_rng(0), wav(tone(8000, 300, 0.01)), 0
    for _ in range(500):
        damaged = bytearray(whole)
        damaged[rng.integers(44)] = rng.integers(256)
        try:
            read_wav(tmp_path / "a.tar.gz", "a.wav", bytes(damaged), 8000)
        except InvalidFile:
            refused += 1
    assert refused > 100
