//! Times in mbufs and what a port without a clock says, by DPDK itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

use std::ffi::CString;

use dpdk_sys as sys;

/// EAL is initialised once a process, so this is one test.
#[test]
fn time_fields_are_within_the_mbuf_and_stay_where_they_are_and_a_port_without_clock_or_limit_says_so() {
    sys::load().unwrap();
    let arguments = ["times", "--no-huge", "--no-shconf", "-m", "64", "--no-pci", "--no-telemetry", "--vdev=net_null0"];
    let arguments: Vec<CString> = arguments.into_iter().map(|argument| CString::new(argument).unwrap()).collect();
    let mut pointers: Vec<_> = arguments.iter().map(|argument| argument.as_ptr().cast_mut()).collect();
    // SAFETY: as many NUL-terminated texts as is said, which live longer than the call.
    assert!(unsafe { sys::lr_eal_init(pointers.len() as i32, pointers.as_mut_ptr()) } >= 0);

    // SAFETY: EAL is initialised; the structure is the call's to write.
    let ask = |which: unsafe extern "C" fn(*mut sys::lr_time_field) -> i32| unsafe {
        let mut field = sys::lr_time_field::default();
        assert_eq!(which(&mut field), 0);
        (field.flag, field.offset)
    };
    for which in [sys::lr_tx_time_field, sys::lr_rx_time_field] {
        let (flag, offset) = ask(which);
        assert_eq!(flag.count_ones(), 1);
        assert!(offset >= 32 && offset + 8 <= sys::LR_MBUF_SIZE && offset % 8 == 0, "{offset}");
        assert_eq!(ask(which), (flag, offset), "asked for twice it is the same");
    }
    assert_ne!(ask(sys::lr_tx_time_field).0, ask(sys::lr_rx_time_field).0, "an arrival time is not a departure time");

    let name = CString::new("net_null0").unwrap();
    let (mut port, mut clock) = (0, 0);
    // SAFETY: EAL is initialised, the name is a NUL-terminated text, and the pointers are valid for the calls.
    unsafe {
        assert_eq!(sys::rte_eth_dev_get_port_by_name(name.as_ptr(), &mut port), 0);
        // ENOTSUP of Linux.
        assert_eq!(sys::lr_read_clock(port, &mut clock), -95);
        assert!(sys::lr_queue_rate_limit(port, 0, 100) < 0);
    }
}
