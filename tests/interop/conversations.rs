//! Scenarios in which sockets are in each other's way, or know each other by name.

use super::{Plan, line};

/// Two who want the same place: an id of a ROUTER, or the other end of a PAIR. The second is not heard.
pub(super) fn rivals(plan: &mut Plan) {
    let transport = plan.transport();
    let kind = plan.dice.one_of(&["DEALER:6430", "PAIR"]);
    let (other, sender, receives) = if kind == "PAIR" {
        ("PAIR", "", "a")
    } else {
        ("ROUTER", "6430,", "r")
    };
    line!(plan, "new {receives} {other}");
    line!(plan, "bind {receives} @{transport}-0");
    let hello = plan.message(0);
    line!(plan, "again {receives} first {kind} @{transport}-0 {hello}");
    line!(plan, "new second {}", kind.replace(':', " id="));
    line!(plan, "connect second @{transport}-0");
    let hello = plan.message(1);
    line!(plan, "send second {hello}");
    line!(plan, "silent {receives} 60");
    for _ in 0..1 + plan.dice.below(4) {
        let (there, back) = (plan.message(0), plan.message(9));
        line!(plan, "send first {there}");
        line!(plan, "gather {receives} 1");
        line!(plan, "send {receives} {sender}{back}");
        line!(plan, "gather first 1");
    }
}

/// Two ROUTERs that know each other's ids, whoever connects; and DEALERs to which a ROUTER connects.
pub(super) fn routers(plan: &mut Plan) {
    let transport = plan.transport();
    let count = 1 + plan.dice.below(3);
    let id = |n: usize| format!("72{:02x}", 0x30 + n);
    let their_kind = plan.dice.one_of(&["ROUTER", "DEALER"]);
    line!(plan, "new r ROUTER id=7265");
    for n in 0..count {
        line!(plan, "new s{n} {their_kind} id={}", id(n));
        line!(plan, "bind s{n} @{transport}-{n}");
        line!(plan, "connect r @{transport}-{n}");
        let message = plan.message(0);
        line!(plan, "reach r {} {message}", id(n));
        line!(plan, "gather s{n} 1");
    }
    let back = if their_kind == "ROUTER" { "7265," } else { "" };
    for _ in 0..2 + plan.dice.below(6) {
        let n = plan.dice.below(count);
        let message = plan.message(n);
        match plan.dice.below(3) {
            0 => {
                line!(plan, "send s{n} {back}{message}");
                line!(plan, "gather r 1");
            }
            1 => {
                line!(plan, "send r {},{message}", id(n));
                line!(plan, "gather s{n} 1");
            }
            _ => line!(plan, "send r 6e6f626f6479,{message}"),
        }
    }
    for n in 0..count {
        line!(plan, "more s{n}");
    }
    line!(plan, "more r");
}

/// Senders and receivers within the process, each connected with each.
pub(super) fn within(plan: &mut Plan) {
    let (source, sink) = [("PUSH", "PULL"), ("DEALER", "DEALER")][plan.dice.below(2)];
    let (p, c) = (1 + plan.dice.below(3), 1 + plan.dice.below(3));
    for n in 0..p {
        line!(plan, "new s{n} {source}");
    }
    for n in 0..c {
        line!(plan, "new r{n} {sink}");
    }
    let (binder, binders, connector, connectors) = if plan.dice.yes() {
        ("s", p, "r", c)
    } else {
        ("r", c, "s", p)
    };
    let binds = (0..binders)
        .map(|n| format!("bind {binder}{n} @inproc-{n}"))
        .collect();
    let connects = (0..connectors)
        .flat_map(|who| (0..binders).map(move |n| format!("connect {connector}{who} @inproc-{n}")))
        .collect();
    plan.in_either_order(binds, connects);
    line!(plan, "pump");
    let all = super::names("r", c).join(",");
    for _ in 0..2 + plan.dice.below(4) {
        let mut sent = 0;
        for n in 0..p {
            for _ in 0..plan.dice.below(6) * c {
                let message = plan.message(n);
                line!(plan, "send s{n} {message}");
                sent += 1;
            }
        }
        line!(plan, "gather {all} {sent}");
    }
    for n in 0..c {
        line!(plan, "silent r{n} 1");
    }
}

/// Requests that are given up before the reply, and asked anew: with numbers on them, no reply is taken for another.
pub(super) fn given_up(plan: &mut Plan) {
    let transport = plan.transport();
    line!(plan, "new q REQ correlated=1");
    line!(plan, "new r REP");
    let (binds, connects) = if plan.dice.yes() {
        ("q", "r")
    } else {
        ("r", "q")
    };
    line!(plan, "bind {binds} @{transport}-0");
    line!(plan, "connect {connects} @{transport}-0");
    line!(plan, "peers q 1");
    for n in 0..2 + plan.dice.below(5) {
        let body = 0x61 + 2 * n;
        if plan.dice.yes() {
            line!(plan, "ask q r {body:02x}");
        } else {
            line!(plan, "late q r {body:02x} {:02x}", body + 1);
        }
    }
}

/// With `immediate`, nothing is sent before somebody is there.
pub(super) fn immediate(plan: &mut Plan) {
    let transport = plan.transport();
    let (from, to) = [("PUSH", "PULL"), ("DEALER", "DEALER")][plan.dice.below(2)];
    line!(plan, "new s {from} immediate=1");
    line!(plan, "connect s @{transport}-0");
    line!(plan, "send s 00");
    for _ in 0..1 + plan.dice.below(3) {
        line!(plan, "new r {to}");
        line!(plan, "bind r @{transport}-0");
        line!(plan, "peers s 1");
        line!(plan, "peers r 1");
        let count = plan.dice.below(5);
        for n in 0..count {
            let message = plan.message(0);
            // Its pipe comes a moment after the handshake.
            let how = if n == 0 { "until" } else { "send" };
            line!(plan, "{how} s {message}");
        }
        line!(plan, "gather r {count}");
        line!(plan, "close r");
        line!(plan, "peers s 0");
    }
}
