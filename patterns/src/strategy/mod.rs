//! The four ways to choose a pipe, and the rotating array that two of them and the backlog of an XPUB share.

mod fair_queue;
mod fan_out;
mod load_balance;
mod rotation;
mod routing_table;

pub(crate) use fair_queue::FairQueue;
pub(crate) use fan_out::{FanOut, SubscriberIndex};
pub(crate) use load_balance::LoadBalance;
pub(crate) use rotation::Rotation;
pub(crate) use routing_table::RoutingTable;
