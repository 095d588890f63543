import * as Duration from "effect/Duration"

/** Small buffers, and timeouts that no test reaches unless it moves the clock by minutes. */
export const noTimeouts = {
  outboxBytes: 4_096,
  memory: { bufferBytes: 1_024 },
  holdTimeout: Duration.hours(1),
  stallTimeout: Duration.hours(1),
  linger: Duration.seconds(5),
  grace: Duration.seconds(10)
}

/** Small buffers, of which the simulated kernel takes 10 lines of `flood`, and timeouts within a test's reach. */
export const shortTimeouts = {
  outboxBytes: 4_096,
  memory: { bufferBytes: 1_024 },
  loginTimeout: Duration.seconds(4),
  holdTimeout: Duration.seconds(2),
  stallTimeout: Duration.seconds(8),
  linger: Duration.seconds(5),
  grace: Duration.millis(500)
}
