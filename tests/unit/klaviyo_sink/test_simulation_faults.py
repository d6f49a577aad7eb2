"""
The simulation finds faults: each of these, planted in the sink, is caught within so many schedules.

Faults that another part of the sink makes good by itself are not among them.
"""

import pytest
from planted import planted
from test_simulation import act_out

from klaviyo_sink.delivery.follow_up import FollowUps
from klaviyo_sink.delivery.gone import GoneProfiles
from klaviyo_sink.delivery.jobs import bring_up_to_date
from klaviyo_sink.delivery.lanes import Lanes
from klaviyo_sink.state.folding import Reckoned, begin_writes, reckon
from klaviyo_sink.state.settling import dirty_after, duty_after

SCHEDULES = 600
FAULTS = {
    "an overtaken write is not mended": (duty_after, "else Duty.MEND", "else Duty.NONE"),
    "an unsure write cleans the row": (duty_after, "Duty.LEFT if write.unsure else Duty.NONE", "Duty.NONE"),
    "a duty that is left is not stored": (dirty_after, "Duty.LEFT: left", "Duty.LEFT: 0"),
    "nobody sees what the row said at the beginning": (Reckoned.folded, "dirty=self.dirty", "dirty=0"),
    "all counts as landed at once": (FollowUps.all_landed, "self._landed.get(shopper_id) == dirty", "True"),
    "a dirty row is not written": (begin_writes, "or not one.settled", ""),
    "a restored version stays below Klaviyo's": (reckon, "max(version, above)", "version"),
    "a single request forgets who was forgotten": (Lanes._send, "return FORGOTTEN", "pass"),
    "a single request carries an old state": (Lanes._send, "row.brought_up_to(found.get(shopper_id))", "row"),
    "a job forgets who was forgotten": (bring_up_to_date, 'refused[at] = (Fault.FORGOTTEN, "")', "pass"),
    "a job carries old states": (bring_up_to_date, "piece.bring_up_to(current.get(shopper_id))", "pass"),
    "one 404 is believed": (GoneProfiles.confirm, "return STILL_THERE", "break"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught(fault):
    def act_out_all():
        for seed in range(SCHEDULES):
            act_out(seed)

    with planted(*FAULTS[fault]), pytest.raises(AssertionError, match="seed"):
        act_out_all()
