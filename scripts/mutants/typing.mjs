// Mutants of how the client at a terminal sends what is typed. Read by main.mjs, which explains the fields.
export const mutants = [
  {
    name: "lines that wait are not shown while another login is asked for",
    file: "terminal/ComposerView.ts",
    search: "return { above, prompt: [span(question",
    replace: "return { above: [], prompt: [span(question",
    test: "test/terminal/lost-connection.test.ts"
  },
  {
    name: "the terminal waits twice as long for users to come back",
    file: "terminal/OneConnection.ts",
    search: "const returnTime = Duration.seconds(15)",
    replace: "const returnTime = Duration.seconds(30)",
    terminal: true
  },
  {
    name: "the terminal writes to users who are not back yet",
    file: "terminal/Outgoing.ts",
    search: "if (!this.isHeld(message.to)) return message",
    replace: "return message",
    terminal: true
  },
  {
    name: "a line overtakes one that is held for another recipient",
    file: "terminal/Outgoing.ts",
    search: "to.some((name) => this.isExpected(name) || this.heldNames.has(name))",
    replace: "to.some((name) => this.isExpected(name))",
    terminal: true
  },
  {
    name: "users who left while the server shut down are not expected back",
    file: "terminal/People.ts",
    search: "for (const name of [...this.presentAtEnd, ...this.present])",
    replace: "for (const name of this.present)",
    terminal: true
  },
  {
    name: "the terminal sends lines again whose outcome is unknown",
    file: "terminal/Outgoing.ts",
    search: 'else this.set(id, { ...message, to: lost, phase: "unknown" })',
    replace: "else this.putBack(id)",
    terminal: true
  },
  {
    name: "the recipients with an unknown outcome are forgotten beside others",
    file: "terminal/Outgoing.ts",
    search: "if (lost.length === 0) this.forget(id)",
    replace: "if (known.length > 0) this.forget(id)",
    terminal: true
  },
  {
    name: "a line is sent to everyone again",
    file: "terminal/Outgoing.ts",
    search: '{ ...message, to: lost, phase: "unknown" }',
    replace: '{ ...message, phase: "unknown" }',
    terminal: true
  },
  {
    name: "a line that was put back waits behind later ones",
    file: "terminal/Outgoing.ts",
    search: 'this.set(id, { ...message, phase: "waiting" })\n    this.back.push(id)',
    replace: 'this.set(id, { ...message, phase: "waiting" })\n    this.waiting.push(id)',
    terminal: true
  },
  {
    name: "a line that the server refused as it shut down is given up",
    file: "terminal/Composer.ts",
    search: 'fate._tag === "Refused" && (fate.reason === "closing" || fate.reason === "slow-down")',
    replace: 'fate._tag === "Refused" && fate.reason === "slow-down"',
    terminal: true
  },
  {
    name: "where a rate is announced, a line overtakes one that is under way",
    file: "terminal/OneConnection.ts",
    search: "message.to.some((name) => turns.to.has(name))",
    replace: "message.to.every((name) => turns.to.has(name))",
    terminal: true
  },
  {
    name: "the terminal sends faster than the announced rate",
    file: "terminal/OneConnection.ts",
    search: "      turns.pace.spend(1)\n",
    replace: "",
    terminal: true
  },
  {
    name: "the terminal ignores the pause that the server asks for",
    file: "terminal/OneConnection.ts",
    search: "turns.pace.refused(pause, performance.now())",
    replace: "turns.pace.refused(0, performance.now())",
    terminal: true
  },
  {
    name: "a later refusal shortens the pause that an earlier one asked for",
    file: "client/Pace.ts",
    search: "this.pausedUntil = Math.max(this.pausedUntil, now + Math.max(leastPause, retryMillis))",
    replace: "this.pausedUntil = now + Math.max(leastPause, retryMillis)",
    test: "test/client/Pace.test.ts"
  },
  {
    name: "a line that is refused without a pause is sent again at once",
    file: "client/Pace.ts",
    search: "const leastPause = 100",
    replace: "const leastPause = 0",
    test: "test/client/Pace.test.ts"
  },
  {
    name: "lines are sent again to a server that shuts down",
    file: "terminal/OneConnection.ts",
    search: "turns.isClosing ||=",
    replace: "const _ =",
    test: "test/terminal/lost-connection.test.ts"
  },
  {
    name: "the check whether the server is alive is faster than the announced rate",
    file: "terminal/OneConnection.ts",
    search: "return wait > 0 ? Effect.sleep(wait) : Effect.void",
    replace: "return Effect.void",
    terminal: true
  },
  {
    name: "a line that waits for a place is sent although the server asks for a pause",
    file: "terminal/OneConnection.ts",
    search: "restore(Effect.zipRight(places.take(1), awaitTurn(composer, turns)))",
    replace: "restore(Effect.zipRight(awaitTurn(composer, turns), places.take(1)))",
    test: "test/terminal/lost-connection.test.ts"
  },
  {
    name: "the terminal sends everything that was typed at once",
    file: "terminal/OneConnection.ts",
    search: "const maxUnderWay = 256",
    replace: "const maxUnderWay = 1_000_000",
    terminal: true
  },
  {
    name: "the terminal does not notice that the server has gone silent",
    file: "client/Heartbeat.ts",
    search: "if (isSilent()) return",
    replace: "",
    terminal: true
  },
  {
    name: "the terminal sends kept lines to users who are not back yet",
    file: "terminal/People.ts",
    search: "if (name !== this.own) this.expected.add(name)",
    replace: "",
    test: "test/terminal/coming-back.test.ts"
  },
  {
    name: "the terminal waits only for the first recipient of a line",
    file: "terminal/Outgoing.ts",
    search: "return to.some((name) =>",
    replace: "return to.slice(0, 1).some((name) =>",
    test: "test/terminal/coming-back.test.ts"
  },
  {
    name: "the terminal lets a line overtake an earlier one to the same user",
    file: "terminal/Outgoing.ts",
    search: "this.heldNames.add(name)",
    replace: "",
    test: "test/terminal/coming-back.test.ts"
  },
  {
    name: "the terminal waits for a user who never returns",
    file: "terminal/OneConnection.ts",
    search: "Effect.delay(returnTime)",
    replace: 'Effect.delay("1 day")',
    test: "test/terminal/coming-back.test.ts"
  },
  {
    name: "the terminal shows a message as received that is only stored",
    file: "terminal/StoredMessages.ts",
    search: 'fate.seq <= (this.given.get(fate.names[0] ?? "") ?? 0)',
    replace: 'this.given.has(fate.names[0] ?? "")',
    test: "test/terminal/StoredMessages.test.ts"
  },
  {
    name: "the terminal sends a line again to a guest that may have it",
    file: "terminal/Outgoing.ts",
    search: "isRepeatable(message) && message.to.every((name) => kept.has(name))",
    replace: "isRepeatable(message)",
    test: "test/terminal/kept.test.ts"
  }
]
