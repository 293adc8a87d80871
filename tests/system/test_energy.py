"""The energy that a machine's counters count."""

import pytest

from open_seq2seq.system.energy import Counter, EnergyMeter, processors


def counting(*values, span=1000.0):
    return Counter(iter(values).__next__, span)


def test_laps_add_up_what_all_counters_counted():
    meter = EnergyMeter([counting(5.0, 8.0, 8.5), counting(100.0, 110.0, 112.0)])
    assert [meter.lap(), meter.lap()] == [13.0, 2.5]


def test_a_counter_that_began_again_counts_on():
    assert EnergyMeter([counting(990.0, 20.0)]).lap() == 30.0


def test_without_counters_nothing_is_known():
    assert EnergyMeter([]).lap() is None


def test_a_counter_that_is_gone_is_left_out():
    def gone():
        if values:
            return values.pop()
        raise OSError("no such device")

    values = [7.0]
    meter = EnergyMeter([Counter(gone, 1000.0), counting(1.0, 2.0, 4.0)])
    assert [meter.lap(), meter.lap()] == [1.0, 2.0]


@pytest.fixture
def powercap(tmp_path):
    """Two packages, a part of one, the whole system, and one whose counter may not be read."""
    for folder, name in {
        "intel-rapl:0": "package-0",
        "intel-rapl:0:0": "core",
        "intel-rapl:1": "package-1",
        "intel-rapl:2": "psys",
        "intel-rapl:3": "package-3",
    }.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "name").write_text(f"{name}\n")
        (tmp_path / folder / "max_energy_range_uj").write_text("262143328850\n")
        (tmp_path / folder / "energy_uj").write_text("1000000\n")
    (tmp_path / "intel-rapl:3" / "energy_uj").unlink()
    return tmp_path


def test_processors_count_packages_once(powercap):
    counters = processors(powercap)
    meter = EnergyMeter(counters)
    for folder in powercap.glob("intel-rapl:*"):
        (folder / "energy_uj").write_text("3500000\n")
    assert len(counters) == 2
    assert meter.lap() == 5.0  # 2.5 J of each package


def test_a_machine_without_powercap_has_no_counters(tmp_path):
    assert processors(tmp_path / "powercap") == []
