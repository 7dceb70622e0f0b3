//! Large frames over shared memory, in both directions.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::time::Duration;

use nix::sys::signal::Signal;
use program::{Background, errors, json, linerate, run, wait_for};
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn frames_of_any_size_that_virtio_knows_are_carried_by_virtio_user_and_by_vhost() {
    for size in ["2032", "2036", "2100", "4096", "9018", "9600", "9716"] {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("lr.sock");
        let (vhost, virtio) =
            (format!("net_vhost0,iface={}", socket.display()), format!("net_virtio_user0,path={},queue_size=1024", socket.display()));
        let mut command = linerate();
        command.args(["reflect", "--port", &vhost, "--max-size", size, "--cpu", "0", "--json", "--no-huge"]);
        let reflector = Background::start(command);
        wait_for("the socket", LIMIT, || socket.exists());
        let send = [
            "send",
            "--port",
            &virtio,
            "--json",
            "--no-huge",
            "--quiet",
            "--size",
            size,
            "--rate",
            "2kpps",
            "--frames",
            "300",
            // On a busy machine every frame goes all the same.
            "--late-bound",
            "60s",
            "--rtt",
            "--cpu",
            "1",
        ];
        let output = run(&send);
        assert!(output.status.success(), "{size} B: {}", errors(&output));
        let sent = json(&output.stdout);
        reflector.signal(Signal::SIGINT);
        let reflected = json(&reflector.finish(LIMIT).stdout);
        assert_eq!(
            (&sent["frames_sent"], &reflected["frames_received"], &reflected["frames_sent"]),
            (&json!(300), &json!(300), &json!(300)),
            "{size} B"
        );
        assert_eq!(
            (&sent["returned"]["received"], &sent["returned"]["corrupt"]),
            (&json!(300), &json!(0)),
            "{size} B: {}",
            sent["returned"]
        );
        // The receiving port's own count of bytes: whole frames without FCS.
        let bytes = 300 * (size.parse::<u64>().unwrap() - 4);
        assert_eq!(reflected["counters"]["after"]["rx_bytes"], json!(bytes), "{size} B");
    }
}
