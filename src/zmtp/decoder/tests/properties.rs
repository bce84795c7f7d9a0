//! Whatever comes, in whatever pieces.

use proptest::prelude::*;

use super::*;

/// Bodies around every size at which something changes.
fn body() -> impl Strategy<Value = Bytes> {
    let edges = prop::sample::select(vec![
        0,
        1,
        63,
        64,
        65,
        255,
        256,
        LARGE_BODY,
        LARGE_BODY + 1,
        70_000,
    ]);
    let len = prop_oneof![4 => 0..50_usize, 1 => edges];
    (len, any::<u8>()).prop_map(|(len, start)| {
        (0..len)
            .map(|n| start.wrapping_add(n as u8))
            .collect::<Vec<u8>>()
            .into()
    })
}

fn message() -> impl Strategy<Value = Message> {
    prop::collection::vec(body(), 1..5)
        .prop_map(|bodies| bodies.into_iter().map(Frame::from).collect())
}

fn item() -> impl Strategy<Value = Item> {
    let topic = prop_oneof![3 => 0..300_usize, 1 => LARGE_BODY - 20..LARGE_BODY + 20];
    prop_oneof![
        6 => message().prop_map(Item::Message),
        1 => any::<u16>().prop_map(|ttl| {
            Item::Command(OwnedCommand::Ping { ttl, context: PingContext::new(b"") })
        }),
        1 => topic.prop_map(|len| {
            Item::Command(OwnedCommand::Subscribe(Bytes::from(vec![b't'; len])))
        }),
    ]
}

fn encoded_items(items: &[Item]) -> Vec<u8> {
    let mut out = Vec::new();
    for item in items {
        match item {
            Item::Message(message) => encode_message(message, &mut out),
            Item::Command(OwnedCommand::Ping { ttl, .. }) => encode_ping(*ttl, &mut out),
            Item::Command(OwnedCommand::Subscribe(topic)) => {
                encode_subscribe(topic, Version::V3_1, &mut out);
            }
            other => unreachable!("not among the items made above: {other:?}"),
        }
    }
    out
}

/// Well-formed traffic, or bytes that look a little like it.
fn traffic() -> impl Strategy<Value = Vec<u8>> {
    let frame_like = (
        any::<u8>(),
        any::<u8>(),
        prop::collection::vec(any::<u8>(), 0..60),
    );
    let noise = prop::collection::vec(frame_like, 0..20).prop_map(|frames| {
        let one = |(flags, len, body): (u8, u8, Vec<u8>)| {
            let honest = body.len() as u8;
            let len = if len < 240 { honest } else { len };
            [&[flags & 0b1111_1101, len], &body[..]].concat()
        };
        frames.into_iter().flat_map(one).collect()
    });
    let any_frame = prop_oneof![
        3 => body().prop_map(|body| frame(MORE, &body)),
        3 => body().prop_map(|body| frame(0, &body)),
        1 => Just(frame(COMMAND, b"\x04PING\x00\x07context")),
        1 => Just(frame(COMMAND, b"\x06CANCELtopic")),
        1 => Just(frame(COMMAND, b"\x05OTHER")),
    ];
    let mixed = prop::collection::vec(any_frame, 0..12).prop_map(|frames| frames.concat());
    let formed = prop::collection::vec(item(), 0..8).prop_map(|items| encoded_items(&items));
    prop_oneof![
        noise,
        mixed,
        formed,
        prop::collection::vec(any::<u8>(), 0..200)
    ]
}

/// Size limits, small ones often.
fn limit() -> impl Strategy<Value = usize> {
    prop_oneof![0..100_usize, 0..100_000_usize]
}

fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..12)
}

fn places(cuts: &[prop::sample::Index], len: usize) -> Vec<usize> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(len + 1)).collect();
    places.sort_unstable();
    places
}

/// Surveys what it can and decodes the surveyed chunks with a second decoder, as the two threads do; what the survey
/// leaves is decoded by the first.
fn survey_and_decode(
    max: Option<usize>,
    input: &[u8],
    limit: usize,
) -> (Vec<Item>, Option<FrameError>) {
    let (mut first, mut second) = (Decoder::new(max), Decoder::new(max));
    let (mut items, mut at) = (Vec::new(), 0);
    loop {
        let mut shown = Vec::new();
        let survey = first.survey(&input[at..], limit, |command| {
            shown.extend(OwnedCommand::from_traffic(command));
        });
        let chunk = &input[at..at + survey.octets];
        let (some, taken, error) = decode_all(&mut second, chunk);
        assert_eq!(
            (taken, error),
            (chunk.len(), None),
            "a surveyed chunk is whole and sound"
        );
        assert!(second.is_between_messages());
        let is_message = |item: &&Item| matches!(item, Item::Message(_));
        assert_eq!(some.iter().filter(is_message).count(), survey.messages);
        assert!(survey.messages <= limit);
        let commands: Vec<OwnedCommand> = some
            .iter()
            .filter_map(|item| match item {
                Item::Command(command) => Some(command.clone()),
                Item::Message(_) => None,
            })
            .collect();
        assert_eq!(commands, shown);
        items.extend(some);
        at += survey.octets;
        match survey.stop {
            Stop::Limit => {}
            Stop::NeedMore => {
                let (some, _, error) = decode_all(&mut first, &input[at..]);
                items.extend(some);
                return (items, error);
            }
            Stop::Failed(error) => {
                // Commands within the message that fails come out of a decoder before it does.
                let (some, _, decoded) = decode_all(&mut first, &input[at..]);
                items.extend(some);
                assert_eq!(decoded, Some(error));
                return (items, decoded);
            }
            Stop::Decode => match first.decode(&input[at..]) {
                Ok((taken, item)) => {
                    at += taken;
                    if item.is_none() {
                        return (items, None);
                    }
                    items.extend(item);
                }
                Err(error) => return (items, Some(error)),
            },
        }
    }
}

proptest! {
    #[test]
    fn encode_then_decode_is_identity_however_the_bytes_are_cut(
        items in prop::collection::vec(item(), 0..8),
        cuts in cuts(),
    ) {
        let input = encoded_items(&items);
        let (decoded, error) = decode_cut(None, &input, &places(&cuts, input.len()));
        prop_assert_eq!(decoded, items);
        prop_assert_eq!(error, None);
    }

    #[test]
    fn any_cut_of_any_bytes_decodes_alike(input in traffic(), cuts in cuts(), max in limit()) {
        let whole = decode_cut(Some(max), &input, &[]);
        prop_assert_eq!(decode_cut(Some(max), &input, &places(&cuts, input.len())), whole.clone());
        let used = Decoder::new(Some(max)).with_buffers(Arc::new(Plenty));
        let cut = decode_cut_with(used, &input, &places(&cuts, input.len()));
        prop_assert_eq!(cut, whole.clone());
        let each: Vec<usize> = (0..input.len().min(2000)).collect();
        prop_assert_eq!(decode_cut(Some(max), &input, &each), whole);
    }

    #[test]
    fn survey_and_decode_agree(input in traffic(), max in limit(), most in 1..5_usize) {
        let decoded = decode_cut(Some(max), &input, &[]);
        prop_assert_eq!(survey_and_decode(Some(max), &input, most), decoded);
    }
}
