use std::collections::BTreeSet;

/// Two names can give one id, because ids are short and of plain letters. The files of two figures must not overwrite each other.
pub(super) fn number_equal_ids<'i>(ids: impl Iterator<Item = &'i mut String>) {
    let mut taken = BTreeSet::new();
    for id in ids {
        let first = id.clone();
        for number in 2.. {
            if taken.insert(id.clone()) {
                break;
            }
            *id = format!("{first}-{number}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ids_are_numbered_and_no_number_meets_another_id() {
        let mut ids = ["a", "a", "a-2", "b", "a"].map(str::to_owned);
        number_equal_ids(ids.iter_mut());
        assert_eq!(ids, ["a", "a-2", "a-2-2", "b", "a-3"]);
    }
}
