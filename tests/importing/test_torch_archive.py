"""The reader of torch.save files: types, layouts, and corrupt or malicious files."""

import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest

from open_seq2seq.errors import UserError
from open_seq2seq.importing.torch_archive import read_state_dict
from tests.support import torch_files
from tests.support.torch_files import Storage, Tensor, torch_file

NUMBERS = np.arange(24, dtype=np.float32)


def read(content):
    return read_state_dict(content, "weights")


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("byte_order", ["little", "big"])
def test_all_types_are_read(protocol, byte_order):
    kinds = ("float32", "float16", "float64", "int64")
    arrays = {kind: np.array([[1, 2, 3], [4, 5, 6]], kind) for kind in kinds}
    arrays["scalar"] = np.array(7, np.int64)
    arrays["empty"] = np.zeros((0, 3), np.float32)
    state_dict = read(torch_file(arrays, protocol=protocol, byte_order=byte_order))
    assert state_dict.keys() == arrays.keys()
    for key, expected in arrays.items():
        assert state_dict[key].dtype == expected.dtype.newbyteorder(byte_order)
        np.testing.assert_array_equal(state_dict[key], expected)


def test_files_without_a_byte_order_are_little_endian():
    state_dict = read(torch_file({"a": NUMBERS}, with_byte_order=False))
    np.testing.assert_array_equal(state_dict["a"], NUMBERS)


def test_bfloat16_becomes_float32():
    values = np.array([1.0, -2.5, 3.140625, 1e30], np.float32)
    upper = (values.view(np.uint32) >> 16).astype(np.uint16)
    tensor = read(torch_file({"a": Tensor(Storage("0", upper, "bfloat16"), (4,), (1,))}))["a"]
    assert tensor.dtype == np.float32
    np.testing.assert_allclose(tensor, values, rtol=2**-7)
    np.testing.assert_array_equal(tensor[:3], values[:3])  # these are exact in bfloat16


def test_views_of_one_storage_follow_their_strides():
    storage = Storage("0", NUMBERS, "float32")
    tensors = {
        "whole": Tensor(storage, (4, 6), (6, 1)),
        "transposed": Tensor(storage, (6, 4), (1, 6)),
        "part": Tensor(storage, (2, 3), (6, 2), 7),
    }
    state_dict = read(torch_file(tensors))
    whole = NUMBERS.reshape(4, 6)
    np.testing.assert_array_equal(state_dict["whole"], whole)
    np.testing.assert_array_equal(state_dict["transposed"], whole.T)
    np.testing.assert_array_equal(state_dict["part"], whole[1:3, 1:6:2])


class Harm:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_with_function_calls_is_refused_and_runs_nothing(tmp_path, protocol):
    trace = tmp_path / "trace"
    for harm in (Harm(os.system, (f"touch {trace}",)), Harm(eval, (f"open({str(trace)!r}, 'w')",))):
        for content in (harm, {"b": harm}, {"a": NUMBERS, "b": harm})[: 2 if protocol == 0 else 3]:
            with pytest.raises(
                UserError,
                match=r"asks for '(posix.system|builtins.eval|__builtin__.eval)'.*nothing in it",
            ):
                read(torch_file(content, protocol=protocol))
    assert not trace.exists()


@pytest.mark.parametrize(
    "name", ["torch._utils _rebuild_parameter", "torch load", "collections Counter", "os path.join"]
)
def test_only_the_names_that_weights_need_are_known(name):
    module, _, function = name.partition(" ")
    with pytest.raises(UserError, match="asks for"):
        read(torch_files.zip_of(f"c{module}\n{function}\n(tR.".encode()))


def test_a_state_that_would_overwrite_methods_is_ignored():
    # od.__dict__["items"] = 1
    pickled = b"\x80\x02ccollections\nOrderedDict\n)R}X\x05\x00\x00\x00itemsK\x01sb."
    assert read(torch_files.zip_of(pickled)) == {}


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (Tensor(Storage("0", NUMBERS, "float32"), (25,), (1,)), "exceeds its storage"),
        (Tensor(Storage("0", NUMBERS, "float32"), (4,), (8,)), "exceeds its storage"),
        (Tensor(Storage("0", NUMBERS, "float32"), (4,), (1,), 21), "exceeds its storage"),
        (Tensor(Storage("0", NUMBERS, "float32"), (10**6, 10**6), (0, 0)), "exceeds its storage"),
        (Tensor(Storage("0", NUMBERS, "float32"), (2**40, 2**40), (0, 0)), "exceeds its storage"),
        (Tensor(Storage("0", NUMBERS, "float32"), (4,), (-1,), 5), "0 or more"),
        (Tensor(Storage("0", NUMBERS, "float32"), (4, 2), (1,)), "more dimensions"),
        (Tensor(Storage("../../x", NUMBERS, "float32"), ("a",), (1,)), "0 or more"),
        (3, "something else than a state dict"),
    ],
)
def test_impossible_tensors_are_refused(tensor, message):
    with pytest.raises(UserError, match=message):
        read(torch_file({"a": tensor}))


def test_missing_truncated_and_changed_numbers_are_refused():
    content = torch_file({"a": NUMBERS})
    pickled = zipfile.ZipFile(io.BytesIO(content)).read("model/data.pkl")
    with pytest.raises(UserError, match="no item named 'model/data/0'"):
        read(torch_files.zip_of(pickled))
    half = Storage("0", NUMBERS[:12], "float32")
    with pytest.raises(UserError, match="has 12 numbers instead of 24"):
        read(torch_files.zip_of(pickled, [half]))
    with pytest.raises(UserError, match="cannot be read as a state dict"):
        read(content[: len(content) // 2])
    corrupt = bytearray(content)
    corrupt[content.index(NUMBERS.tobytes()) + 5] ^= 1
    with pytest.raises(UserError, match="CRC"):
        read(bytes(corrupt))


def nested_tuples(n):
    """A pickle of {(((...))): 1} with ``n`` tuples."""
    return b"\x80\x02})" + b"\x85" * n + b"K\x01s."


def test_deeply_nested_tuples_are_refused():
    """Hashing a million of them overflows CPython's stack."""
    with pytest.raises(UserError, match="more than 20,000 tuples"):
        read(torch_files.zip_of(nested_tuples(1_000_000)))
    with pytest.raises(UserError, match="something else than a state dict"):
        read(torch_files.zip_of(nested_tuples(20_000)))


def test_values_too_large_to_print_are_refused_with_a_short_message():
    doubled = b"\x80\x02)" + b"2\x86" * 60  # a tuple of twice the tuple before, 60 times
    for pickled in (doubled + b"Q.", b"\x80\x02}X\x01\0\0\0a" + doubled[2:] + b"s."):
        with pytest.raises(UserError) as error:
            read(torch_files.zip_of(pickled))
        assert len(str(error.value)) < 1000


def test_a_part_is_read_once_for_all_its_storages(monkeypatch):
    tensors = {
        f"{n}": Tensor(Storage("0", NUMBERS[:n], "float32"), (n,), (1,)) for n in range(1, 25)
    }
    names_read = []
    read_part = zipfile.ZipFile.read

    def record_and_read(self, name, *args):
        names_read.append(name)
        return read_part(self, name, *args)

    monkeypatch.setattr(zipfile.ZipFile, "read", record_and_read)
    state_dict = read(torch_file(tensors))
    np.testing.assert_array_equal(state_dict["24"], NUMBERS)
    assert names_read.count("model/data/0") == 1


def test_overlapping_parts_are_refused():
    content = bytearray(torch_file({"a": NUMBERS, "b": NUMBERS + 1}))
    # both sizes of data/1 in the central directory become that of the whole file
    entry = content.rindex(b"model/data/1") - 46
    for field in (20, 24):
        struct.pack_into("<I", content, entry + field, len(content))
    with pytest.raises(UserError, match="overlapping parts"):
        read(bytes(content))


def test_the_error_for_older_formats_says_what_to_do():
    legacy = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2) + pickle.dumps(1001, protocol=2)
    with pytest.raises(UserError, match=r"PyTorch 1.6.*save it again"):
        read(legacy)


def test_bombs_are_refused_before_they_expand():
    with pytest.raises(UserError, match="compressed parts"):
        read(torch_file({"a": np.zeros(10**6, np.float32)}, compression=zipfile.ZIP_DEFLATED))
    with pytest.raises(UserError, match=r"its data\.pkl has 5,000,000 bytes"):
        read(torch_files.zip_of(b"N" * 5_000_000))
    with pytest.raises(UserError, match="memo number"):
        read(torch_files.zip_of(b"\x80\x02}r" + struct.pack("<I", 2**31) + b"."))


@pytest.mark.parametrize(
    "pickled", [b"", b".", b"\x80\x02", b"\x80\x02]q\x00X", b"(((", b"0", b"\x80\x02)R."]
)
def test_truncated_pickles_are_refused(pickled):
    with pytest.raises(UserError, match="cannot be read as a state dict"):
        read(torch_files.zip_of(pickled))


def test_files_without_a_state_dict_are_refused():
    for value in ([1, 2], {"a": {"b": 1}}, {"a": 1.5}, torch_files.tensor("0", NUMBERS)):
        with pytest.raises(UserError, match="something else than a state dict"):
            read(torch_file(value))
    with pytest.raises(UserError, match=r"has 0 files data\.pkl, expected one"):
        read(b"PK\x05\x06" + bytes(18))  # an empty zip
