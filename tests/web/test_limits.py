from webpbx.web.limits import Buckets, FailureLimit, Failures, TokenBucket


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_as_many_failures_as_allowed_are_taken_and_the_next_attempt_is_told_when_to_come_back() -> None:
    clock = Clock()
    failures = Failures(FailureLimit(3, 60), clock=clock)
    for _ in range(3):
        assert failures.retry_after("anna") is None
        failures.add("anna")
        clock.now += 10
    assert failures.retry_after("anna") == 30
    assert failures.retry_after("bert") is None


def test_failures_are_forgotten_one_by_one_as_they_grow_old() -> None:
    clock = Clock()
    failures = Failures(FailureLimit(2, 60), clock=clock)
    failures.add("anna")
    clock.now += 30
    failures.add("anna")
    clock.now += 30
    assert failures.retry_after("anna") is None
    failures.add("anna")
    assert failures.retry_after("anna") == 30


def test_the_key_that_failed_longest_ago_is_forgotten_when_there_are_too_many() -> None:
    failures = Failures(FailureLimit(1, 60), clock=Clock())
    for number in range(20_001):
        failures.add(str(number))
    assert failures.retry_after("0") is None
    assert failures.retry_after("1") == 60


def test_a_bucket_lets_a_burst_through_and_then_the_rate() -> None:
    clock = Clock()
    bucket = TokenBucket(rate=2, burst=3, clock=clock)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    clock.now += 1
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    clock.now += 3600
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_each_key_has_a_bucket_of_its_own() -> None:
    buckets = Buckets(rate=1, burst=1, clock=Clock())
    assert [buckets.take("a"), buckets.take("a"), buckets.take("b")] == [True, False, True]
