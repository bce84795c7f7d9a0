//! A task that registers and looks again, tried in every order beside whoever wakes it.

use highwater_patterns::Message;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::*;
use crate::origin::Here;
use crate::pipe::testing::push;
use crate::pipe::{HighWater, Outgoing};
use crate::policy::WritePolicy;
use crate::sync::{Combine, Room};

/// A task that notes its wake-up.
#[derive(Default)]
struct Task(AtomicBool);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Task {
    fn is_woken(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// A socket: a state under its lock, and the list of those who wait for a change of it. Its wake-ups are made at once, since
/// there is no [`Core`]; those that are owed by a holder of the lock have models of their own.
struct Socket<S> {
    room: Room<S, ()>,
    changed: Event,
}

impl<S> Combine for Socket<S> {
    type State = S;
    type Mail = ();

    fn room(&self) -> &Room<S, ()> {
        &self.room
    }

    fn apply(&self, _: &mut S, (): ()) {}
}

impl<S> Socket<S> {
    fn new(state: S) -> Arc<Self> {
        Arc::new(Self {
            room: Room::new(state),
            changed: Event::new(),
        })
    }

    /// One poll by `task`, in the steps of a `TaskWait`: whether `attempt` has come to something.
    fn poll(
        &self,
        registration: &mut Registration,
        task: &Arc<Task>,
        attempt: impl FnOnce(&mut S) -> bool,
    ) -> bool {
        let waker = Waker::from(Arc::clone(task));
        let mut context = Context::from_waker(&waker);
        let mut waited = false;
        if registration.still_waits(&mut context, &mut waited) {
            return false;
        }
        let mut state = self.room.lock(self, Here::in_test());
        if attempt(&mut state) {
            return true;
        }
        registration.register(Weak::new(), &self.changed);
        drop(state);
        if !registration.has_task_woken(&context, &mut waited) {
            waker.wake_by_ref();
        }
        false
    }

    /// Changes the state, and wakes one of those who wait if `change` says so.
    fn change(&self, change: impl FnOnce(&mut S) -> bool) {
        let mut state = self.room.lock(self, Here::in_test());
        if change(&mut state) {
            self.changed.notify(1);
        }
    }
}

fn registration() -> Registration {
    Registration::of(Origin::here())
}

/// A message comes while `polls` tasks in turn poll one future: whether one has it, or the last is woken.
fn comes_while_polled(polls: usize) {
    let socket = Socket::new(false);
    let sender = thread::spawn({
        let socket = Arc::clone(&socket);
        move || {
            socket.change(|there| {
                *there = true;
                true
            })
        }
    });
    let mut registration = registration();
    let tasks: Vec<Arc<Task>> = (0..polls).map(|_| Arc::default()).collect();
    let received = tasks
        .iter()
        .any(|task| socket.poll(&mut registration, task, |there| std::mem::take(there)));
    sender.join().expect("sent");
    let woken = tasks.last().is_some_and(|task| task.is_woken());
    assert!(received || woken, "it sleeps for ever");
    if !received {
        let last = Arc::default();
        assert!(socket.poll(&mut registration, &last, |there| std::mem::take(there)));
    }
}

#[test]
fn a_message_that_comes_while_a_task_registers_is_received_or_wakes_it() {
    loom::model(|| comes_while_polled(1));
}

#[test]
fn a_message_that_comes_while_a_future_moves_wakes_the_task_that_has_it() {
    loom::model(|| comes_while_polled(2));
}

#[test]
fn what_is_told_without_a_lock_is_found_by_the_second_look_or_wakes_the_task() {
    loom::model(|| {
        let told = Arc::new((AtomicBool::new(false), Event::new()));
        let teller = thread::spawn({
            let told = Arc::clone(&told);
            move || {
                told.0.store(true, Ordering::Release);
                due_wakes::notify(&told.1, usize::MAX);
            }
        });
        let task = Arc::<Task>::default();
        let waker = Waker::from(Arc::clone(&task));
        let mut context = Context::from_waker(&waker);
        let mut registration = registration();
        let found = registration.poll_until(&Weak::new(), &told.1, &mut context, || {
            told.0.load(Ordering::Acquire).then_some(())
        });
        teller.join().expect("told");
        assert!(found.is_ready() || task.is_woken(), "it sleeps for ever");
    });
}

/// A task whose waker drops the future that it wakes, which is on the same list.
struct Dropping {
    future: Mutex<Option<Registration>>,
    woken: AtomicBool,
}

impl Wake for Dropping {
    fn wake(self: Arc<Self>) {
        let future = self.future.lock().take();
        drop(future);
        self.woken.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_task_that_leaves_while_it_is_woken_passes_that_on_to_one_that_leaves_as_well() {
    loom::model(|| {
        let event = Arc::new(Event::new());
        let (mut first, mut second) = (registration(), registration());
        let task = Waker::from(Arc::<Task>::default());
        let dropping = Arc::new(Dropping {
            future: Mutex::new(None),
            woken: AtomicBool::new(false),
        });
        let waker = Waker::from(Arc::clone(&dropping));
        for (future, waker) in [(&mut first, &task), (&mut second, &waker)] {
            future.register(Weak::new(), &event);
            assert!(future.has_task_woken(&Context::from_waker(waker), &mut false));
        }
        *dropping.future.lock() = Some(second);
        let teller = thread::spawn({
            let event = Arc::clone(&event);
            move || due_wakes::notify(&event, 1)
        });
        first.end();
        teller.join().expect("told");
        assert!(dropping.woken.load(Ordering::SeqCst), "it sleeps for ever");
    });
}

/// The only place of a pipe is kept, and given back while a sender is refused.
#[test]
fn a_sender_that_is_refused_sends_or_is_woken_when_a_place_is_given_back() {
    loom::model(|| {
        let mark = HighWater {
            messages: Some(1),
            bytes: None,
        };
        let socket = Socket::new(Outgoing::new(mark, false));
        assert!(socket.room.peek(|pipe| pipe.reserve()));
        let holder = thread::spawn({
            let socket = Arc::clone(&socket);
            move || socket.change(|pipe| pipe.give_place_back())
        });
        let send = |pipe: &mut Outgoing| {
            let mut policy = WritePolicy::default();
            push(pipe, &Message::from("x"), &mut policy)
        };
        let (task, mut registration) = (Arc::default(), registration());
        let sent = socket.poll(&mut registration, &task, send);
        holder.join().expect("given back");
        assert!(sent || task.is_woken(), "it sleeps for ever");
        assert!(sent || socket.poll(&mut registration, &Arc::default(), send));
        assert_eq!(socket.room.peek(|pipe| pipe.queued()), 1);
    });
}
