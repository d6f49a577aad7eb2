"""
The simulation finds faults: each of these, planted in the sink, is caught within so many schedules.

Faults that another part of the sink makes good by itself are not among them.
"""

import pytest
from planted import planted
from test_simulation import act_out

from klaviyo_sink.delivery.batches import Batches
from klaviyo_sink.delivery.follow_up import FollowUps
from klaviyo_sink.delivery.gone import GoneProfiles
from klaviyo_sink.delivery.imports import Imports
from klaviyo_sink.delivery.jobs import Jobs, fault_now
from klaviyo_sink.delivery.lanes import Lanes
from klaviyo_sink.delivery.lookups import Lookups
from klaviyo_sink.delivery.waiting import all_finished
from klaviyo_sink.state.folding import Reckoned, begin_writes, reckon
from klaviyo_sink.state.settling import dirty_after, duty_after, end_writes, may_land_later

SCHEDULES = 600
#: Where it takes longer to find a fault: the first schedule.
FIRST = {"all writes of a row have one ticket": 1_400}
FAULTS = {
    "a write whose ticket was replaced is sent": (fault_now, "found.dirty == row.ticket", "True"),
    "a single request is sent although its row is refused": (Lanes._send, "return UNSENT[fault]", "pass"),
    "a job is sent with its refused rows": (Lanes._send_job, "refused or bulk_events_body", "bulk_events_body"),
    "a forgotten shopper is written": (fault_now, "return Fault.FORGOTTEN", "return None"),
    "an overtaken write is not mended": (duty_after, "else Duty.MEND", "else Duty.NONE"),
    "an unsure write cleans the row": (duty_after, "Duty.LEFT if write.unsure else Duty.NONE", "Duty.NONE"),
    "a duty that is left is not stored": (dirty_after, "Duty.LEFT: left", "Duty.LEFT: 0"),
    "nobody sees what the row said at the beginning": (Reckoned.folded, "dirty=self.dirty", "dirty=0"),
    "all counts as landed at once": (FollowUps.all_landed, "self._landed.get(shopper_id) == dirty", "True"),
    "a dirty row is not written": (begin_writes, "or not one.settled", ""),
    "a restored version stays below Klaviyo's": (reckon, "max(version, above)", "version"),
    "an import job asks for nothing before it is sent": (
        Imports.send,
        "refused_now(job, await self.find_current({piece.row.event.shopper_id for piece in job}))",
        "None",
    ),
    "a lookup misses who joined it late": (
        Lookups._ask,
        "wanted, self._wanted, self._asking = self._wanted, set(), None\n    return await self._find_current(wanted)",
        "one = await self._find_current(self._wanted)\n    self._wanted, self._asking = set(), None\n    return one",
    ),
    "one 404 is believed": (GoneProfiles.confirm, "return STILL_THERE", "break"),
    "an id that is gone is not confirmed": (Lanes._renamed, 'if name == "id" and', 'if name == "" and'),
    "a row with another name is not sent": (Jobs._without, "[[*rest, *renamed]]", "[[*rest]]"),
    "a mending write carries the old state": (
        Batches._settle,
        "shopper.properties, shopper.version = now.newest.properties, now.newest.version",
        "pass",
    ),
    "a failure is reported as written": (Batches._outcome, "            return one\n", "            pass\n"),
    "a request outlives its batch": (all_finished, "*work, return_exceptions=True", "*work"),
    "nobody looks again at a dirty row": (Batches._settle, "if now is not None and now.duty is Duty.LEFT", "if False"),
    "a row is looked at before all has landed": (FollowUps.add, "self._after_s,", "self._after_s / 10,"),
    "a follow-up is not cancelled by a newer one": (FollowUps._drop, "pending.cancel()", "pass"),
    "a write that begins leaves no mark in a known row": (begin_writes, "ticket or one.dirty", "0"),
    "all writes of a row have one ticket": (begin_writes, "one.row_version + 1 if begins", "1 if begins"),
    "the ledger is not read": (begin_writes, "known=name in known", "known=False"),
    "no write is unsure": (may_land_later, "dirty not in {0, FAILED}", "False"),
    "an unsure write that fails counts as landed": (
        dirty_after,
        "left = -row_version if unsure else FAILED",
        "left = FAILED",
    ),
    "the version that Klaviyo has is not stored": (
        end_writes,
        "max(row.written_version, write.version or 0)",
        "row.written_version",
    ),
    "a restored row whose words are Klaviyo's keeps its version": (reckon, "or version < above", ""),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught(fault):
    def act_out_all():
        first = FIRST.get(fault, 0)
        for seed in range(first, first + SCHEDULES):
            act_out(seed)

    with planted(*FAULTS[fault]), pytest.raises(AssertionError, match="seed"):
        act_out_all()
