//! The steps of a receive that has found no message.
//!
//! Owns: the order of the steps, and when each of them is due.
//! Always true: pure. A turn ends with a step after which the receive makes a new attempt or returns. Each step that
//! releases the lock is one of these, so a receive goes to sleep under the lock under which its attempt failed.
//! Must not know: how a step is done.
//!
//! Each attempt that finds no message begins a turn. A turn goes down this ladder and skips the steps that are not due. It
//! ends with the first step that has found something or has released the lock:
//!
//! | step | due | why here |
//! |---|---|---|
//! | `FlushElsewhere` | at the beginning of a call that may wait, if its thread has left messages in other sockets | one of those messages may be the question that the awaited message answers |
//! | `AskProcess` | once; with lanes after `Spin`, if the call may wait | in a forked child no descriptor may be read and no thread may sleep; a message from within the process comes sooner than the kernel's answer |
//! | `PollLanes` | with lanes | costs no system call |
//! | `PollLinks` | in a call that may not wait | reads what a wait would have found |
//! | `GiveUp` | in a call with a deadline | after all steps that do not wait, before all that do |
//! | `LetOthers` | in a turn that is spent, instead of all other steps but `GiveUp` | other threads wait for the lock |
//! | `Lead` | if the socket reads its links itself, and no other thread waits on them | to be woken by another thread costs more than a round trip |
//! | `Spin` | once, with lanes | to wake a thread that sleeps takes 5 to 10 µs; a message from another core comes sooner |
//! | `Sleep` | always | no other step is left |

use super::deadline::Deadline;

/// A step of a receive after an attempt that found no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Step {
    /// Writes what this thread has left in other sockets.
    FlushElsewhere,
    /// Asks whether this is the process that has made the socket.
    AskProcess,
    /// Looks whether a message has come from within the process.
    PollLanes,
    /// Reads the input of borrowed links, without waiting.
    PollLinks,
    /// Ends the call if its time is over.
    GiveUp,
    /// Releases the lock for threads that wait for it.
    LetOthers,
    /// Borrows the links, or waits on them if they are borrowed already.
    Lead,
    /// Spins for some microseconds, as long as the lanes are empty.
    Spin,
    /// Sleeps until it is woken.
    Sleep,
}

/// A set of steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Steps(u16);

impl Steps {
    pub(super) fn add(&mut self, step: Step) {
        self.0 |= Self::of(step).0;
    }

    pub(super) fn has(self, step: Step) -> bool {
        self.0 & Self::of(step).0 != 0
    }

    pub(super) fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Whether any of them is a wait of this receive. Two are not, since they serve others: flushing other sockets, and
    /// releasing the lock.
    pub(super) fn are_waits(self) -> bool {
        self.0 & !(Self::of(Step::FlushElsewhere).0 | Self::of(Step::LetOthers).0) != 0
    }

    fn of(step: Step) -> Self {
        Self(1 << step as u8)
    }
}

/// The facts that a receive knows when a turn begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) deadline: Deadline,
    /// The steps that the call has done in earlier turns.
    pub(super) done: Steps,
    /// The budget for one hold of the lock is spent, or too many turns in succession were in vain.
    pub(super) is_spent: bool,
    /// This thread has left messages in other sockets.
    pub(super) left_elsewhere: bool,
    /// Messages may come from within the process.
    pub(super) has_lanes: bool,
    /// The socket reads its links itself, and no other thread waits on them.
    pub(super) may_lead: bool,
}

impl Known {
    fn may_wait(&self) -> bool {
        !matches!(self.deadline, Deadline::Passed)
    }
}

impl Step {
    const LADDER: [Self; 9] = [
        Self::FlushElsewhere,
        Self::AskProcess,
        Self::PollLanes,
        Self::PollLinks,
        Self::GiveUp,
        Self::LetOthers,
        Self::Lead,
        Self::Spin,
        Self::Sleep,
    ];

    /// The steps of a turn, each to be done if those before it were in vain.
    pub(super) fn of_turn(known: Known) -> impl Iterator<Item = Self> {
        Self::LADDER
            .into_iter()
            .filter(move |step| step.is_due(&known))
    }

    fn is_due(self, known: &Known) -> bool {
        let done = known.done;
        match self {
            // A call that may not wait releases the lock once, and attempts a second time.
            Self::GiveUp if known.is_spent && !known.may_wait() => done.has(Self::LetOthers),
            Self::GiveUp => !matches!(known.deadline, Deadline::Never),
            Self::LetOthers => known.is_spent,
            _ if known.is_spent => false,
            Self::FlushElsewhere => known.may_wait() && done.is_empty() && known.left_elsewhere,
            Self::AskProcess => {
                let lanes_first = known.has_lanes && known.may_wait();
                !done.has(Self::AskProcess) && (!lanes_first || done.has(Self::Spin))
            }
            Self::PollLanes => known.has_lanes,
            Self::PollLinks => !known.may_wait(),
            Self::Lead => known.may_lead,
            Self::Spin => known.has_lanes && !done.has(Self::Spin),
            Self::Sleep => true,
        }
    }

    /// Whether the call makes a new attempt after this step, even if the step has found nothing.
    #[cfg(test)]
    fn ends_turn(self) -> bool {
        use Step::{FlushElsewhere, LetOthers, Sleep, Spin};
        matches!(self, FlushElsewhere | LetOthers | Spin | Sleep)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::Step::*;
    use super::*;

    /// Links only, in a call that may wait for ever and has done nothing yet.
    const LINKS: Known = Known {
        deadline: Deadline::Never,
        done: Steps(0),
        is_spent: false,
        left_elsewhere: false,
        has_lanes: false,
        may_lead: true,
    };

    const LANES: Known = Known {
        has_lanes: true,
        may_lead: false,
        ..LINKS
    };

    fn steps(known: Known) -> Vec<Step> {
        Step::of_turn(known).collect()
    }

    fn done(steps: &[Step]) -> Steps {
        let mut done = Steps::default();
        steps.iter().for_each(|step| done.add(*step));
        done
    }

    /// Everything that can be known.
    fn all() -> impl Iterator<Item = Known> {
        let deadlines = [
            Deadline::Passed,
            Deadline::At(Instant::now()),
            Deadline::Never,
        ];
        deadlines.into_iter().flat_map(|deadline| {
            (0..16_u8).flat_map(move |bits| {
                (0..1 << Step::LADDER.len()).map(move |done| Known {
                    deadline,
                    done: Steps(done),
                    is_spent: bits & 1 != 0,
                    left_elsewhere: bits & 2 != 0,
                    has_lanes: bits & 4 != 0,
                    may_lead: bits & 8 != 0,
                })
            })
        })
    }

    #[test]
    fn a_receiver_of_links_asks_for_its_process_once_and_leads() {
        assert_eq!(steps(LINKS), [AskProcess, Lead, Sleep]);
        let known = Known {
            done: done(&[AskProcess, Lead]),
            ..LINKS
        };
        assert_eq!(steps(known), [Lead, Sleep]);
        let known = Known {
            may_lead: false,
            ..known
        };
        assert_eq!(steps(known), [Sleep]);
    }

    #[test]
    fn a_receiver_of_lanes_spins_once_before_it_asks_for_its_process_and_sleeps() {
        assert_eq!(steps(LANES), [PollLanes, Spin, Sleep]);
        let known = Known {
            done: done(&[PollLanes, Spin]),
            ..LANES
        };
        assert_eq!(steps(known), [AskProcess, PollLanes, Sleep]);
    }

    #[test]
    fn what_was_left_in_other_sockets_goes_first_and_once() {
        let known = Known {
            left_elsewhere: true,
            ..LINKS
        };
        assert_eq!(steps(known)[0], FlushElsewhere);
        for earlier in [FlushElsewhere, LetOthers, Sleep] {
            let known = Known {
                done: done(&[earlier]),
                ..known
            };
            assert!(!steps(known).contains(&FlushElsewhere));
        }
    }

    #[test]
    fn a_deadline_is_looked_at_before_each_wait_and_after_what_costs_no_wait() {
        let deadline = Deadline::At(Instant::now());
        let known = Known { deadline, ..LANES };
        assert_eq!(steps(known), [PollLanes, GiveUp, Spin, Sleep]);
        let known = Known { deadline, ..LINKS };
        assert_eq!(steps(known), [AskProcess, GiveUp, Lead, Sleep]);
    }

    #[test]
    fn a_call_that_may_not_wait_reads_all_that_is_there_and_gives_up() {
        let deadline = Deadline::Passed;
        let known = Known { deadline, ..LANES };
        assert_eq!(
            steps(known)[..4],
            [AskProcess, PollLanes, PollLinks, GiveUp]
        );
        for known in all().filter(|known| !known.may_wait()) {
            let end = steps(known)
                .into_iter()
                .find(|step| matches!(step, GiveUp) || step.ends_turn() || matches!(step, Lead));
            let once_more = known.is_spent && !known.done.has(LetOthers);
            assert_eq!(end, Some(if once_more { LetOthers } else { GiveUp }));
        }
    }

    #[test]
    fn a_turn_that_is_spent_lets_others_have_the_lock_and_does_nothing_else() {
        for known in all().filter(|known| known.is_spent) {
            let steps = steps(known);
            assert_eq!(steps.last(), Some(&LetOthers), "{known:?}");
            assert!(steps.iter().all(|step| matches!(step, GiveUp | LetOthers)));
        }
    }

    #[test]
    fn each_turn_comes_to_an_end() {
        for known in all() {
            let last = steps(known).pop();
            assert!(last.is_some_and(Step::ends_turn), "{known:?}");
        }
    }

    #[test]
    fn no_link_is_touched_and_nobody_sleeps_before_the_process_is_known() {
        for known in all() {
            let mut is_known = known.done.has(AskProcess);
            for step in steps(known) {
                is_known |= step == AskProcess;
                match step {
                    // A socket with lanes has no link to lead.
                    Lead if known.has_lanes => {}
                    PollLinks | Lead | Sleep => assert!(is_known, "{known:?}"),
                    _ if step.ends_turn() => break,
                    _ => {}
                }
            }
        }
    }
}
