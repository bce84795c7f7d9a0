use bytes::Bytes;

use super::*;

#[test]
fn a_message_takes_72_bytes_also_when_it_may_be_missing() {
    assert_eq!(size_of::<Message>(), 72);
    assert_eq!(size_of::<Option<Message>>(), 72);
    assert_eq!(size_of::<Result<(), Message>>(), 72);
}

#[test]
fn frames_come_back_as_they_went_in() {
    let message = Message::from([&b"a"[..], b"", &[7; 300]]);
    assert_eq!(message.frame_count(), 3);
    assert_eq!(message.size(), 301);
    assert_eq!(message, [&b"a"[..], b"", &[7; 300]]);
    assert_eq!(Message::from(message.clone().into_frames()), message);
}

#[test]
fn the_first_frame_can_be_put_on_and_taken_off() {
    let message = Message::from("body").with_first("id");
    assert_eq!(message, ["id", "body"]);
    let (first, rest) = message.split_first();
    assert_eq!(first, "id");
    assert_eq!(rest.expect("one frame is left"), "body");
    assert_eq!(Message::from("alone").split_first().1, None);
}

#[test]
fn no_frames_at_all_give_one_empty_frame() {
    assert_eq!(Message::from(Vec::<Frame>::new()), Message::EMPTY);
    assert_eq!(Message::from_frames(vec![]), None);
}

#[test]
fn a_message_is_filled_where_it_is_whatever_it_was() {
    for mut message in [
        Message::EMPTY,
        Message::from(["a", "b"]),
        vec![1; 99].into(),
    ] {
        message.set_window(&[7; INLINE_CAPACITY], 2);
        assert_eq!(message, [7, 7].as_slice());
    }
}

#[test]
fn a_message_compares_with_lists_of_frames() {
    let message = Message::from(["a", "b"]);
    let frames = message.clone().into_frames();
    assert!(message == frames && message == frames[..] && message == *frames.as_slice());
    assert!(message != frames[..1] && message != frames[1..]);
    assert_eq!(message, vec!["a", "b"]);
    assert_eq!(message, [b"a".to_vec(), b"b".to_vec()][..]);
    assert_eq!(message, &["a".to_owned(), "b".to_owned()][..]);
    assert_ne!(message, [&b"a"[..], b"c"][..]);
    assert_eq!(Message::from("a"), vec![Bytes::from("a")]);
}

#[test]
fn debug_tells_sizes_and_no_contents() {
    let debug = |message: Message| format!("{message:?}");
    assert_eq!(debug("secret".into()), "Message(6 bytes)");
    assert_eq!(
        debug(["secret", "", "x"].into()),
        "Message(3 frames: 6, 0, 1 bytes)"
    );
    let many = debug(vec![Frame::from("secret"); 1000].into());
    assert_eq!(many, "Message(1000 frames: 6000 bytes)");
    assert_eq!(format!("{:?}", Frame::from("secret")), "Frame(6 bytes)");
}

#[test]
fn several_frames_never_equal_a_single_body() {
    assert_ne!(Message::from(["ab", ""]), "ab");
}
