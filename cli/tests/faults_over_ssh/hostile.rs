//! Hostile endpoints: agents that send what an agent of linerate never sends.

use super::*;

/// A program that greets as linerate does, then sends what a test wants.
fn hostile(bed: &Bed, name: &str, then: &str) -> PathBuf {
    script(bed, name, &format!("{} agent < /dev/null | head -n 1\n{then}", env!("CARGO_BIN_EXE_linerate")))
}

#[test]
fn an_agent_that_sends_endless_lines_wrong_types_or_escape_sequences_is_an_error_in_one_line() {
    let bed = Bed::shared("hostile");
    let plan = bed.plan(&[PING_PONG]);
    let cases = [
        ("endless", "tr '\\0' x < /dev/zero", "cannot be read: a line is longer"),
        ("types", "echo '{\"reply\":\"claimed\",\"x\":1}'; echo '[1,2]'; echo '{\"reply\":7}'; cat > /dev/null", "its reply"),
        ("escape", "printf '{\"reply\":\"failed\",\"error\":\"\\\\u001b[2J\\\\u009b31mowned\\\\u0007\"}\\n'; cat > /dev/null", "owned"),
        ("binary", "head -c 1000 /dev/urandom; echo; cat > /dev/null", "its reply"),
        ("early", "echo '{\"reply\":\"closed\"}'; cat > /dev/null", "belongs to another request"),
    ];
    for (name, then, words) in cases {
        let output = bed.run(&with_program_at_b(&bed, &hostile(&bed, name, then)), &plan, &format!("out-{name}")).output().unwrap();
        let line = failure(&output, &["b-cpu", words]);
        assert!(line.len() < 6000, "{name}: {} bytes", line.len());
        bed.is_clean_within_10_s();
    }
}

#[test]
fn a_login_that_prints_without_end_is_given_up() {
    let bed = Bed::shared("chatter");
    let chatter = script(&bed, "chatter", "exec yes 'Welcome'");
    let output = bed.run(&with_program_at_b(&bed, &chatter), &bed.plan(&[PING_PONG]), "out").output().unwrap();
    failure(&output, &["endpoint b-cpu", "no greeting of linerate", "it printed \"Welcome\""]);
    bed.is_clean_within_10_s();
}
