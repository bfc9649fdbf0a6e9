//! Names, kinds and dependents.

use std::sync::Arc;

use arrow::datatypes::Schema;
use sql::{Name, ObjectKind};

use super::*;

fn name(name: &str) -> Name {
    Name { schema: None, name: name.to_owned() }
}

fn entry(oid: u32, kind: ObjectKind, name: &str, depends_on: &[u32]) -> Entry {
    let object = Object::new(oid, kind, name, Arc::new(Schema::empty()), "");
    Entry::new(Object { depends_on: depends_on.to_vec(), ..object }, "")
}

/// orders <- recent (view) <- totals (materialized view) <- alarm (sink); customers apart.
async fn shop() -> Catalog {
    let catalog = Catalog::default();
    let change = catalog.change().await;
    change.put(entry(16_384, ObjectKind::Table, "orders", &[]));
    change.put(entry(16_385, ObjectKind::Table, "customers", &[]));
    change.put(entry(16_386, ObjectKind::View, "recent", &[16_384]));
    change.put(entry(16_387, ObjectKind::MaterializedView, "totals", &[16_386]));
    change.put(entry(16_388, ObjectKind::Sink, "alarm", &[16_387]));
    drop(change);
    catalog
}

#[tokio::test]
async fn finds_by_name_and_kind() {
    let catalog = shop().await.snapshot();
    assert_eq!(catalog.get(&name("orders")).expect("it is there").object.oid, 16_384);
    let error = catalog.get(&name("order")).expect_err("it is not there");
    assert_eq!(error.code.0, "42P01");
    assert_eq!(error.message, "relation \"order\" does not exist");
    assert_eq!(error.hint.as_deref(), Some("Perhaps you meant the relation \"orders\"."));
    let error = catalog.get_kind(&name("orders"), ObjectKind::View).expect_err("it is a table");
    assert_eq!((error.code.0, error.message.as_str()), ("42809", "\"orders\" is not a view"));
    let elsewhere = Name { schema: Some("other".to_owned()), name: "orders".to_owned() };
    assert_eq!(
        catalog.get(&elsewhere).expect_err("no such schema").message,
        "relation \"other.orders\" does not exist"
    );
    assert_eq!(catalog.check_free(&name("orders")).expect_err("taken").code.0, "42P07");
    assert_eq!(catalog.check_free(&elsewhere).expect_err("no such schema").code.0, "3F000");
}

#[tokio::test]
async fn drops_readers_first() {
    let catalog = shop().await.snapshot();
    let orders = Arc::clone(&catalog.get(&name("orders")).expect("it is there").object);
    let error = catalog.dropping(&[Arc::clone(&orders)], false).expect_err("others read it");
    assert_eq!(error.code.0, "2BP01");
    assert_eq!(error.message, "cannot drop table orders because other objects depend on it");
    assert_eq!(
        error.detail.as_deref(),
        Some(
            "view recent depends on table orders\nmaterialized view totals depends on view recent\n\
             sink alarm depends on materialized view totals"
        )
    );
    let dropping = catalog.dropping(&[orders], true).expect("they go too");
    let names: Vec<&str> = dropping.objects.iter().map(|object| object.name.as_str()).collect();
    assert_eq!(names, ["alarm", "totals", "recent", "orders"]);
    let notice = dropping.notice.expect("dependents are named");
    assert_eq!(notice.message, "drop cascades to 3 other objects");
    assert_eq!(
        notice.detail.as_deref(),
        Some("drop cascades to view recent\ndrop cascades to materialized view totals\ndrop cascades to sink alarm")
    );
}

#[tokio::test]
async fn snapshots_do_not_change() {
    let catalog = shop().await;
    let before = catalog.snapshot();
    catalog.change().await.remove(&[16_388, 16_387]);
    assert!(before.find(&name("totals")).is_some());
    assert!(catalog.snapshot().find(&name("totals")).is_none());
    assert_eq!(catalog.snapshot().objects.len(), 3);
}
