//! What one process may do with DPDK, in one test: EAL is initialised once per process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

use std::time::Duration;

use dataplane::{CpuId, Dataplane, DataplaneError, EalOptions, Memory, PortOptions, PortSpec, ReceivePlan, SendPlan, StreamId};
use methodology::units::{FrameSize, Pace};

#[test]
fn ports_are_opened_used_again_and_closed_and_dpdk_is_initialised_once() {
    let null: PortSpec = "net_null0".parse().unwrap();
    let ring: PortSpec = "net_ring0".parse().unwrap();
    let twice = Dataplane::init(EalOptions { devices: vec![null.clone(), null.clone()], ..EalOptions::default() });
    assert!(matches!(twice, Err(DataplaneError::DuplicatePort { .. })), "{twice:?}");
    let nowhere = Dataplane::init(EalOptions { main_cpu: Some(CpuId::new(4095)), ..EalOptions::default() });
    assert!(matches!(nowhere, Err(DataplaneError::Cpu { .. })), "{nowhere:?}");

    let affinity = CpuId::allowed();
    let memory = Memory::NoHuge { megabytes: 128 };
    let dataplane = Dataplane::init(EalOptions { memory, devices: vec![null.clone()], ..EalOptions::default() }).unwrap();
    assert_eq!(CpuId::allowed(), affinity, "the caller keeps its CPUs");
    assert_eq!(dataplane.port_names(), ["net_null0"]);
    assert!(matches!(Dataplane::init(EalOptions::default()), Err(DataplaneError::AlreadyInitialised)));
    assert_eq!(Dataplane::version().unwrap().built.split('.').count(), 3);

    let port = dataplane.open(&null, PortOptions::default()).unwrap();
    let again = dataplane.open(&null, PortOptions::default());
    assert!(matches!(again, Err(DataplaneError::PortInUse { .. })), "{again:?}");

    // One port, one trial after another, of another size and flow set each.
    let mut port = port;
    for (size, flows) in [(64, 1), (1518, 1), (128, 1000)] {
        let plan =
            SendPlan { flows, frames: Some(10_000), ..SendPlan::new(FrameSize::new(size).unwrap(), Pace::Max, Duration::from_secs(60)) };
        let (back, report) = port.send(plan).unwrap().join();
        assert_eq!(report.unwrap().frames_sent, 10_000);
        port = back;
    }

    // Frames that the driver still holds when the next run fills the mbufs: they leave before that run's frames and are not counted as its.
    let ring_port = dataplane.open(&ring, PortOptions::default()).unwrap();
    let frames = |count, stream| SendPlan {
        frames: Some(count),
        stream: StreamId(stream),
        ..SendPlan::new(FrameSize::MIN, Pace::Max, Duration::from_secs(60))
    };
    let (ring_port, held) = ring_port.send(frames(500, 1)).unwrap().join();
    assert_eq!(held.unwrap().frames_sent, 500, "the ring holds 1023");
    let (ring_port, sent) = ring_port.send(frames(100, 2)).unwrap().join();
    assert_eq!(sent.unwrap().frames_sent, 100);
    let sink = ring_port.receive(ReceivePlan { duration: Some(Duration::from_secs(1)), ..ReceivePlan::default() });
    let (ring_port, received) = sink.join();
    let received = received.unwrap();
    assert_eq!((received.frames_received, received.duplicate, received.foreign, received.corrupt), (100, 0, 500, 0), "{received:?}");
    assert_eq!(received.loops.queues[0].frames_received, 600, "{received:?}");
    drop(ring_port);

    // Two poll loops on one CPU would measure each other.
    let other = dataplane.open(&ring, PortOptions::default()).unwrap();
    let cpu = affinity[0];
    let first = port.receive(ReceivePlan { cpus: vec![cpu], ..ReceivePlan::default() });
    while first.snapshot().foreign == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let (other, refused) = other.receive(ReceivePlan { cpus: vec![cpu], ..ReceivePlan::default() }).join();
    assert!(matches!(refused, Err(DataplaneError::Cpu { .. })), "{refused:?}");
    first.stop();
    let (port, report) = first.join();
    assert!(report.unwrap().foreign > 0);

    // Ports outlive the value that opened them, and close in any order; a closed one can be opened again.
    drop(port);
    let port = dataplane.open(&null, PortOptions::default()).unwrap();
    drop(dataplane);
    drop(other);
    assert!(port.link_is_up());
    drop(port);
}
