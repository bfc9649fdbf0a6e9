//! Errors and notices as messages. Field codes: <https://www.postgresql.org/docs/15/protocol-error-fields.html>.

use engine::Notice;
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::{ErrorResponse, NoticeResponse};

use crate::error::Error;

/// Tells a client of an error. `severity` is `ERROR` or `FATAL`.
pub(crate) fn error_response(error: &Error, severity: &str) -> PgWireBackendMessage {
    let fields = match error {
        Error::Statement(error) => {
            let mut fields = Fields::new(severity, error.code.0, &error.message);
            fields.add(b'D', error.detail.as_deref());
            fields.add(b'H', error.hint.as_deref());
            fields.add(b'P', error.position.map(|position| position.to_string()).as_deref());
            if let Some(context) = &error.context {
                fields.add(b's', context.schema.as_deref());
                fields.add(b't', context.table.as_deref());
                fields.add(b'c', context.column.as_deref());
                fields.add(b'n', context.constraint.as_deref());
            }
            fields
        }
        Error::Request { code, message } | Error::Fatal { code, message } => Fields::new(severity, code, message),
        Error::Connection(error) => Fields::new(severity, "08006", &error.to_string()),
    };
    PgWireBackendMessage::ErrorResponse(ErrorResponse::new(fields.0))
}

/// Tells a client of something that is no error.
pub(crate) fn notice_response(notice: &Notice) -> PgWireBackendMessage {
    let mut fields = Fields::new(notice.severity, notice.code.0, &notice.message);
    fields.add(b'D', notice.detail.as_deref());
    fields.add(b'H', notice.hint.as_deref());
    PgWireBackendMessage::NoticeResponse(NoticeResponse::new(fields.0))
}

struct Fields(Vec<(u8, String)>);

impl Fields {
    fn new(severity: &str, code: &str, message: &str) -> Self {
        let mut fields = Self(Vec::new());
        fields.add(b'S', Some(severity));
        fields.add(b'V', Some(severity));
        fields.add(b'C', Some(code));
        fields.add(b'M', Some(message));
        fields
    }

    fn add(&mut self, code: u8, text: Option<&str>) {
        if let Some(text) = text {
            // A zero byte would end the field early and break the message's frame.
            self.0.push((code, text.replace('\0', "\u{fffd}")));
        }
    }
}
