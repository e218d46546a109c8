//! Commands whose right answer nobody else's command has, so that an answer that belongs to
//! another caller is seen. What fails is told apart from what is wrong; nothing is repeated.

use bowline_pool::{Error, Pool};
use redis::{Cmd, RedisError, Value, cmd, pipe};

use super::example::session::Session;

/// Why a command did not get its answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// There was no session, or it broke: that is no lie.
    Lost(String),
    /// It got another answer, which may be someone else's.
    Wrong(String),
}

/// A number that one exchange alone has, and what follows from it.
pub(super) struct Exchange {
    number: i64,
    text: String,
    key: String,
    counter: String,
}

// === impl Exchange ===

impl Exchange {
    /// `number` is above 10 and used by nobody else, before or after.
    pub(super) fn new(number: i64) -> Self {
        Self {
            number,
            text: format!("the value of {number}"),
            key: format!("key:{number}"),
            counter: format!("counter:{number}"),
        }
    }

    /// Asks for an echo.
    pub(super) async fn echo(&self, redis: &mut Session) -> Result<(), Fault> {
        right(redis, cmd("ECHO").arg(&self.text), &[bulk(&self.text)]).await
    }

    pub(super) async fn set(&self, redis: &mut Session) -> Result<(), Fault> {
        let set = cmd("SET").arg(&self.key).arg(&self.text).take();
        right(redis, &set, &[Value::Okay]).await
    }

    /// Reads what was set, or finds it gone where redis may have forgotten it.
    pub(super) async fn get(&self, redis: &mut Session, forgot: Forgot<'_>) -> Result<(), Fault> {
        let get = cmd("GET").arg(&self.key).take();
        let answer = get.query_async(redis).await?;
        judge(
            &get,
            &answer,
            &either(bulk(&self.text), &[Value::Nil], forgot),
        )
    }

    pub(super) async fn count(&self, redis: &mut Session) -> Result<(), Fault> {
        let count = cmd("INCRBY").arg(&self.counter).arg(self.number).take();
        right(redis, &count, &[Value::Int(self.number)]).await
    }

    pub(super) async fn count_on(
        &self,
        redis: &mut Session,
        forgot: Forgot<'_>,
    ) -> Result<(), Fault> {
        let count = cmd("INCR").arg(&self.counter).take();
        let answer = count.query_async(redis).await?;
        let kept = Value::Int(self.number + 1);
        judge(&count, &answer, &either(kept, &[Value::Int(1)], forgot))
    }

    /// A transaction in one pipeline.
    pub(super) async fn together(
        &self,
        redis: &mut Session,
        forgot: Forgot<'_>,
    ) -> Result<(), Fault> {
        let mut pipe = pipe();
        pipe.atomic().cmd("INCRBY").arg(&self.counter).arg(2);
        pipe.cmd("ECHO").arg(&self.text);
        let answers: Vec<Value> = pipe.query_async(redis).await?;
        let [count, echo] = &answers[..] else {
            return Err(Fault::Wrong(format!("{answers:?} to two commands")));
        };
        let commands: Vec<&Cmd> = pipe.cmd_iter().collect();
        judge(commands[1], echo, &[bulk(&self.text)])?;
        let new = [Value::Int(2), Value::Int(3)];
        judge(
            commands[0],
            count,
            &either(Value::Int(self.number + 3), &new, forgot),
        )
    }

    /// A transaction by hand, in the middle of which the session answers to anything that
    /// it was queued.
    pub(super) async fn by_hand(&self, redis: &mut Session) -> Result<(), Fault> {
        let queued = [Value::SimpleString("QUEUED".to_owned())];
        right(redis, &cmd("MULTI"), &[Value::Okay]).await?;
        right(redis, cmd("ECHO").arg(&self.text), &queued).await?;
        let set = cmd("SET").arg(&self.key).arg(&self.text).take();
        right(redis, &set, &queued).await?;
        let whole = Value::Array(vec![bulk(&self.text), Value::Okay]);
        right(redis, &cmd("EXEC"), &[whole]).await
    }

    /// Everything but the transaction by hand, each in a loan of its own.
    pub(super) async fn whole(
        &self,
        pool: &Pool<Session>,
        forgot: Forgot<'_>,
    ) -> Result<(), Fault> {
        pool.run(async |redis| self.echo(redis).await).await?;
        pool.run(async |redis| self.set(redis).await).await?;
        pool.run(async |redis| self.get(redis, forgot).await)
            .await?;
        pool.run(async |redis| self.count(redis).await).await?;
        pool.run(async |redis| self.count_on(redis, forgot).await)
            .await?;
        pool.run(async |redis| self.together(redis, forgot).await)
            .await
    }
}

/// Whether redis may have forgotten what was set in this exchange.
pub(super) type Forgot<'a> = &'a (dyn Fn() -> bool + Sync);

/// Asked after the answer has come, which is when it can be known.
fn either(kept: Value, forgotten: &[Value], forgot: Forgot<'_>) -> Vec<Value> {
    let mut right = vec![kept];
    if forgot() {
        right.extend_from_slice(forgotten);
    }
    right
}

async fn right(redis: &mut Session, command: &Cmd, right: &[Value]) -> Result<(), Fault> {
    let answer = command.query_async(redis).await?;
    judge(command, &answer, right)
}

fn judge(command: &Cmd, answer: &Value, right: &[Value]) -> Result<(), Fault> {
    if right.contains(answer) {
        return Ok(());
    }
    let command = String::from_utf8_lossy(&command.get_packed_command()).replace("\r\n", " ");
    let wrong = format!("{answer:?} to {command}, not one of {right:?}");
    Err(Fault::Wrong(wrong))
}

fn bulk(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

// === impl Fault ===

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Lost(error.to_string())
    }
}

impl From<RedisError> for Fault {
    /// An error that redis answered is an answer, and nothing here has it for the right one.
    fn from(error: RedisError) -> Self {
        if error.is_io_error() {
            Self::Lost(error.to_string())
        } else {
            Self::Wrong(error.to_string())
        }
    }
}
