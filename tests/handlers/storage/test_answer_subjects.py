from handlers.storage.answer_subjects import RETENTION_S, AnswerSubject, AnswerSubjects, SubjectPicture
from inference.queue.connection import Client

POSTED = AnswerSubject(
    channel_id=5, message_id=6, pictures=(SubjectPicture(key="7", size=10), SubjectPicture(key="sticker-8"))
)
GIVEN = AnswerSubject(channel_id=5, pictures=(SubjectPicture(key="1", url="https://x/1", spoiler=True),))


async def test_what_an_answer_is_about_is_stored_for_seven_days(redis: Client) -> None:
    subjects = AnswerSubjects(redis, "bot")
    await subjects.keep(1, POSTED)
    await subjects.keep(2, GIVEN)
    again = AnswerSubjects(redis, "bot")
    assert [await again.find(each) for each in (1, 2, 3)] == [POSTED, GIVEN, None]
    assert RETENTION_S - 60 < await redis.ttl("beholder:about:bot:1") <= RETENTION_S == 7 * 86400


async def test_what_a_deleted_answer_was_about_is_forgotten(redis: Client) -> None:
    subjects = AnswerSubjects(redis, "bot")
    await subjects.keep(1, POSTED)
    await subjects.forget(1)
    await subjects.forget(1)
    assert await subjects.find(1) is None


async def test_another_bots_answers_and_malformed_ones_are_unknown(redis: Client) -> None:
    await AnswerSubjects(redis, "bot").keep(1, POSTED)
    assert await AnswerSubjects(redis, "other").find(1) is None
    await redis.set("beholder:about:bot:2", b'{"v": 9}')
    assert await AnswerSubjects(redis, "bot").find(2) is None
