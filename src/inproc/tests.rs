//! Names that change hands.

use super::*;
use crate::pipe::Party;
use crate::pipe::testing::Told;

fn applicant(side: &Arc<Told>, socket_type: SocketType) -> Applicant {
    let side: Arc<dyn SocketSide> = side.clone();
    Applicant {
        side: Arc::downgrade(&side),
        telemetry: Arc::default(),
        socket_type,
        options: Options::default(),
        token: 0,
    }
}

#[test]
fn a_connection_whose_binder_goes_before_they_are_joined_waits_for_the_next() {
    let name: Endpoint = "inproc://name".parse().expect("a good endpoint");
    let names = Names::default();
    let (gone, next, connecting) = <(Arc<Told>, Arc<Told>, Arc<Told>)>::default();
    let binder = applicant(&gone, SocketType::Pull);
    assert!(names.bind(&name, binder.clone(), Here::in_test()));
    let connection = Waiting {
        pipe: PipeId(1),
        applicant: applicant(&connecting, SocketType::Push),
        outgoing: Arc::new(Lane::new(
            Party {
                side: applicant(&connecting, SocketType::Push).side,
                pipe: PipeId(1),
            },
            None,
            false,
        )),
        told: false,
    };
    // Whoever connects has looked the name up, and then:
    drop(gone);
    names.join(&name, &binder, connection);
    assert!(connecting.events.lock().is_empty());

    assert!(names.bind(&name, applicant(&next, SocketType::Pull), Here::in_test()));
    let joined = |told: &Told| {
        let events = told.events.lock();
        let joined = |event: &&PipeEvent| matches!(event, PipeEvent::Joined { .. });
        events.iter().filter(joined).count()
    };
    assert_eq!((joined(&next), joined(&connecting)), (1, 1));
}
