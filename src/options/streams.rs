//! The options that a connection or a listener has from its socket.
//!
//! Owns: the translation of a socket's options to those of `transport`.
//! Must not know: how the system is told of them.

use super::{IpcPermissions, Keepalive, Options};
use crate::transport::{KeepAlive, ListenOptions, StreamOptions};

/// How connections are set up.
impl From<&Options> for StreamOptions {
    fn from(options: &Options) -> Self {
        Self {
            keep_alive: match options.keepalive {
                Keepalive::Off => KeepAlive::Off,
                Keepalive::System => KeepAlive::System,
                Keepalive::On => KeepAlive::default(),
                Keepalive::Every {
                    idle,
                    interval,
                    count,
                } => KeepAlive::On {
                    idle: Some(idle),
                    interval: Some(interval),
                    count: Some(count),
                },
            },
            send_buffer: options.send_buffer,
            receive_buffer: options.receive_buffer,
            user_timeout: options.tcp_user_timeout,
            type_of_service: options.type_of_service,
            bind_to_device: options.bind_to_device.clone(),
        }
    }
}

/// How listeners are set up.
impl From<&Options> for ListenOptions {
    fn from(options: &Options) -> Self {
        Self {
            backlog: options.backlog,
            reuse_port: options.reuse_port,
            ipv6: options.ipv6,
            permissions: match options.ipc_permissions {
                IpcPermissions::Umask => None,
                IpcPermissions::Mode(mode) => Some(mode),
            },
            stream: StreamOptions::from(options),
        }
    }
}
