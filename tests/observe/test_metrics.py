"""Metrics count what happened, under labels that no client can choose."""

from gateway import metrics
from gateway.records import Status


def lines(name):
    return [line for line in metrics.exposition().decode().splitlines() if line.startswith(name)]


def test_records_are_counted_by_sender_contract_status_and_code():
    metrics.count_records("counted", "death.v1", Status.ACCEPTED, count=3)
    metrics.count_records("counted", "death.v1", Status.REFUSED, "record.conflict")
    found = lines("isnad_records_total")
    assert 'isnad_records_total{code="",contract="death.v1",sender="counted",status="accepted"} 3.0' in found
    assert (
        'isnad_records_total{code="record.conflict",contract="death.v1",sender="counted",status="refused"} 1.0'
        in found
    )


def test_what_a_client_chose_never_becomes_a_label():
    metrics.count_records("moh", "29001014100011", Status.REFUSED, "29001014100011")
    metrics.count_error("محمد")
    shown = metrics.exposition().decode()
    assert "29001014100011" not in shown
    assert "محمد" not in shown
    assert 'isnad_errors_total{code="other"} 1.0' in shown


def test_gauges_and_times_are_in_base_units():
    names = {
        line.split()[2] for line in metrics.exposition().decode().splitlines() if line.startswith("# TYPE")
    }
    assert {"isnad_accept_seconds", "isnad_outbox_bytes", "isnad_relay_lag_seconds"} <= names
    assert all(name.startswith("isnad_") for name in names)
