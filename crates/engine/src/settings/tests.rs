//! What may be set, and what is shown then.

use super::*;

#[test]
fn known_settings_are_found_in_any_case() {
    let settings = Settings::default();
    assert_eq!(settings.get("timezone").as_deref(), Some("UTC"));
    settings.set("TIMEZONE", Some("+2")).expect("a zone");
    assert_eq!(settings.get("TimeZone").as_deref(), Some("+02:00"));
    settings.set("timezone", None).expect("back");
    assert_eq!(settings.get("TimeZone").as_deref(), Some("UTC"));
    assert!(KNOWN.is_sorted_by_key(|known| known.name.to_lowercase()));
}

#[test]
fn values_are_checked() {
    let settings = Settings::default();
    let code = |name: &str, value: &str| settings.set(name, Some(value)).map_err(|error| error.code.0);
    assert_eq!(code("extra_float_digits", "3"), Ok(()));
    assert_eq!(code("extra_float_digits", "4"), Err("22023"));
    assert_eq!(code("statement_timeout", "5min"), Ok(()));
    assert_eq!(settings.duration("statement_timeout"), Some(Duration::from_secs(300)));
    assert_eq!(settings.get("statement_timeout").as_deref(), Some("5min"));
    assert_eq!(code("statement_timeout", "1.5s"), Ok(()));
    assert_eq!(settings.get("statement_timeout").as_deref(), Some("1500ms"));
    for wrong in ["soon", "5 parsecs", "-1", "3000000000", ""] {
        assert_eq!(code("statement_timeout", wrong), Err("22023"), "{wrong}");
    }
    assert_eq!(code("statement_timeout", "0"), Ok(()));
    assert_eq!(settings.duration("statement_timeout"), None);
    assert_eq!(code("client_encoding", "utf-8"), Ok(()));
    assert_eq!(code("client_encoding", "SQL_ASCII"), Ok(()));
    assert_eq!(settings.get("client_encoding").as_deref(), Some("UTF8"));
    assert_eq!(code("client_encoding", "latin1"), Err("0A000"));
    assert_eq!(code("server_version", "9"), Err("55P02"));
    assert_eq!(code("timezone", "Nowhere/Land"), Err("22023"));
    assert_eq!(code("default_transaction_read_only", "yes"), Ok(()));
    assert!(settings.is_on("default_transaction_read_only"));
    assert_eq!(code("my_app.user", "7"), Ok(()));
    assert_eq!(code("transaction_isolation", "READ committed"), Ok(()));
    assert_eq!(settings.get("transaction_isolation").as_deref(), Some("read committed"));
    assert_eq!(code("default_transaction_isolation", "Repeatable Read"), Ok(()));
    assert_eq!(settings.get("transaction_isolation").as_deref(), Some("read committed"));
    settings.set("transaction_isolation", None).expect("back");
    assert_eq!(settings.get("transaction_isolation").as_deref(), Some("repeatable read"));
    assert_eq!(code("default_transaction_isolation", "serializable"), Err("0A000"));
    assert_eq!(code("default_transaction_isolation", "none"), Err("22023"));
    let error = settings.set("aplication_name", Some("x")).expect_err("unknown");
    assert_eq!((error.code.0, error.hint.as_deref()), ("42704", Some("Perhaps you meant \"application_name\".")));
}

#[test]
fn goes_back() {
    let settings = Settings::default();
    let before = settings.remember();
    settings.set("application_name", Some("a")).expect("free text");
    settings.set("work_mem", Some("1GB")).expect("accepted");
    settings.restore_one("work_mem", &before);
    assert_eq!(settings.get("work_mem").as_deref(), Some("4MB"));
    settings.restore(&before);
    assert_eq!(settings.get("application_name").as_deref(), Some(""));
}

#[test]
fn reset_goes_back_to_what_the_session_started_with() {
    let settings = Settings::default();
    settings.set("application_name", Some("pool")).expect("free text");
    settings.set("timezone", Some("Europe/Berlin")).expect("a zone");
    settings.keep_for_reset();
    settings.set("application_name", Some("a")).expect("free text");
    settings.set("work_mem", Some("1GB")).expect("accepted");
    settings.set("application_name", None).expect("back");
    assert_eq!(settings.get("application_name").as_deref(), Some("pool"));
    settings.set("timezone", Some("UTC")).expect("a zone");
    settings.set("all", None).expect("back");
    assert_eq!(settings.get("timezone").as_deref(), Some("Europe/Berlin"));
    assert_eq!(settings.get("work_mem").as_deref(), Some("4MB"));
}

#[test]
fn search_paths_are_lists_of_names() {
    let settings = Settings::default();
    assert_eq!(settings.search_path(), ["$user", "public"]);
    settings.set("search_path", Some("Tenant1,\"Odd, \"\"One\"\"\" ,  pg_catalog")).expect("a list");
    assert_eq!(settings.search_path(), ["tenant1", "Odd, \"One\"", "pg_catalog"]);
    settings.set("search_path", Some("")).expect("nothing");
    assert!(settings.search_path().is_empty());
}

#[test]
fn messages_have_levels() {
    let settings = Settings::default();
    assert!(settings.wants("NOTICE") && settings.wants("WARNING") && settings.wants("INFO"));
    settings.set("client_min_messages", Some("warning")).expect("a level");
    assert!(!settings.wants("NOTICE") && settings.wants("WARNING") && settings.wants("INFO"));
    settings.set("client_min_messages", Some("error")).expect("a level");
    assert!(!settings.wants("WARNING"));
}
