// Mutants of the page for browsers. Read by main.mjs, which explains the fields.
const phone = "test/web/browser-phone.test.ts"
const previews = "test/web/Previews.test.ts"

export const mutants = [
  {
    name: "a phone's Back closes no conversation",
    file: "web/Main.tsx",
    search: "if (screen < 1) chat()?.reading.close()",
    replace: "",
    test: phone,
    build: true
  },
  {
    name: "a click on a notification of a phone leads nowhere",
    file: "web/browser/ServiceWorker.ts",
    search: "for (const tab of tabs) tab.postMessage(data)",
    replace: "",
    test: phone,
    build: true
  },
  {
    name: "the page sends what an input method of Safari is still composing",
    file: "web/views/ComposerForm.tsx",
    search: " || event.keyCode === inputMethod",
    replace: "",
    test: phone,
    build: true
  },
  {
    name: "the service worker keeps whatever the page asks for",
    file: "web/browser/ServiceWorker.ts",
    search: "(await worker.caches.match(request, { cacheName })) ?? fetch(request)",
    replace:
      "fetch(request).then(async (response) => " +
      "((await worker.caches.open(cacheName)).put(request, response.clone()), response))",
    also: {
      file: "web/browser/ServiceWorker.ts",
      search: " || !ACHAT_SHELL.includes(pathname)",
      replace: ""
    },
    test: phone,
    build: true
  },
  {
    name: "a command fails while the page logs in differently",
    file: "web/model/ChatState.ts",
    search: "if (this.isChanging) return this.changed().then(() => this.ask(command, end))",
    replace: "",
    test: "test/web/Chat.test.ts"
  },
  {
    name: "the page cuts off what it has asked for when it logs in differently",
    file: "web/model/Chat.ts",
    search: "else connection.whenIdle(change)",
    replace: "else change()",
    test: "test/web/Chat.test.ts"
  },
  {
    name: "a request without a reply keeps the page from logging in differently",
    file: "web/model/PageConnection.ts",
    search: "this.timers.after(wakeMillis, () => this.becameIdle())",
    replace: "",
    test: "test/web/Chat.test.ts"
  },
  {
    name: "the page asks for the last lines of all conversations that were ever in sight",
    file: "web/model/Previews.ts",
    search: "    this.wanted.delete(conversation)\n  }\n\n  disconnected",
    replace: "  }\n\n  disconnected",
    test: previews
  },
  {
    name: "the page asks for the last line of a conversation again and again",
    file: "web/model/Previews.ts",
    search: "if (this.asked.has(conversation)) return",
    replace: "",
    test: previews
  },
  {
    name: "the page asks for last lines that it has",
    file: "web/model/Previews.ts",
    search: "one.lastMessage.peek() === undefined && ",
    replace: "",
    test: previews
  },
  {
    name: "the page never asks again for a last line that was refused because of the pace",
    file: "web/model/Previews.ts",
    search: 'if (error instanceof RequestFailed && error.reason === "slow-down") {',
    replace: 'if (error instanceof RequestFailed && error.reason === "slow") {',
    test: previews
  },
  {
    name: "previews use up the pace that the server allows",
    file: "web/model/Previews.ts",
    search: "if (this.options.isPaced()) await this.pause()",
    replace: "",
    test: previews
  },
  {
    name: "an earlier line takes the place of the last one in the list",
    file: "web/model/Conversation.ts",
    search: "(past !== undefined && past.at > line.at)",
    replace: "past === undefined",
    test: previews
  },
  {
    name: "the list shows the last line of a server that has begun from nothing since",
    file: "web/model/Conversation.ts",
    search: "    this.past = undefined\n",
    replace: "",
    test: previews
  },
  {
    name: "the page shows a repeated line twice",
    file: "web/model/Timeline.ts",
    search: "if (this.isRepeat(line)) return false",
    replace: "",
    test: "test/web/model.test.ts"
  },
  {
    name: "the page takes a line from before a wake-up for the answer to its ping",
    file: "web/model/PageConnection.ts",
    search: "if (this.isAnswered) this.listen()",
    replace: "if (this.isAnswered || this.heard !== heard) this.listen()",
    test: "test/web/PageConnection.test.ts"
  },
  {
    name: "the page waits for a minute for the outcome of a line before it says that it is cut off",
    file: "web/model/PageConnection.ts",
    search: "    this.expect(label, text)\n",
    replace: "",
    test: "test/web/PageConnection.test.ts"
  },
  {
    name: "each line that the page sends puts off that it finds out about a cut",
    file: "web/model/PageConnection.ts",
    search: "this.owed.has(label) && !this.isHurried && ",
    replace: "this.owed.has(label) && ",
    test: "test/web/PageConnection.test.ts"
  },
  {
    name: "the page takes a long search for a connection that is cut",
    file: "web/model/PageConnection.ts",
    search: " && !this.isBusy()",
    replace: "",
    test: "test/web/PageConnection.test.ts"
  },
  {
    name: "the page trusts the browser's clock until a line of its own is stored",
    file: "web/model/Chat.ts",
    search: "    void this.setClock()\n",
    replace: "",
    test: "test/web/Clock.test.ts"
  },
  {
    name: "the form for the login moves when the server has said who can log in",
    file: "web/views/LoginView.tsx",
    search: '"check absent"',
    replace: '"aloud"',
    test: "test/web/browser-faults.test.ts",
    build: true
  },
  {
    name: "a longer name takes the place of the one that was typed",
    file: "web/model/SwitchChoices.ts",
    search: "return [...whole, ...sorted, ",
    replace: "return [...sorted, ...whole, ",
    test: "test/web/SwitchChoices.test.ts"
  },
  {
    name: "the page never asks for lines that are missing",
    file: "web/model/Timeline.ts",
    search: "return this.isAtEnd && this.first > 0 && this.end > this.last",
    replace: "return false",
    test: "test/web/model.test.ts"
  },
  {
    name: "the page asks again for earlier lines of which none can be read",
    file: "web/model/Timeline.ts",
    search: "this.first = this.first === 0 ? first : Math.min(this.first, first)",
    replace: "if (lines.length > 0) this.first = this.first === 0 ? first : Math.min(this.first, first)",
    test: "test/web/Chat.test.ts"
  },
  {
    name: "the page asks again for later lines of which none can be read",
    file: "web/model/Timeline.ts",
    search: "this.last = Math.max(this.last, last)\n    }",
    replace: "this.last = Math.max(this.last, lines.at(-1)?.seq ?? 0)\n    }",
    test: "test/web/Chat.test.ts"
  },
  {
    name: "the page asks a server for ever that says that there is more, and sends nothing",
    file: "web/model/Timeline.ts",
    search: "const hasMore = page.hasMore && page.last > this.last",
    replace: "const { hasMore } = page",
    test: "test/web/model.test.ts"
  },
  {
    name: "the page does not say that a search could not read everything",
    file: "web/model/Chat.ts",
    search: "PastReports.endIn(line)?.damaged !== undefined",
    replace: "PastReports.endIn(line) === undefined",
    test: "test/web/Chat.test.ts"
  },
  {
    name: "the page keeps notes about damaged lines among lines of another part",
    file: "web/model/Timeline.ts",
    search: "return damaged === undefined && (line.seq === undefined || order > last)",
    replace: "return line.seq === undefined || order > last",
    test: "test/web/model.test.ts"
  },
  {
    name: "the page drops a note about damaged lines for good",
    file: "web/model/Timeline.ts",
    search: "line.seq === undefined && damaged === undefined",
    replace: "line.seq === undefined",
    test: "test/web/model.test.ts"
  },
  {
    name: "the page shows past lines before it knows which of its own were stored",
    file: "web/model/PastLoader.ts",
    search: `await this.options.settled(conversation)
      conversation.timeline.showLatest`,
    replace: "conversation.timeline.showLatest",
    test: "test/web/Chat-random.test.ts"
  },
  {
    name: "the page sends with a new label what may have arrived",
    file: "web/model/PageOutbox.ts",
    search: "this.underWay.clear()\n  }\n\n  /**\n   * A new connection",
    replace:
      "this.underWay.clear()\n    this.update((line) => ({ ...line, label: line.label + 1 }))\n  }\n\n  /**\n   * A " +
      "new connection",
    test: "test/web/Chat.test.ts"
  },
  {
    name: "the page sends again to guests what may have arrived",
    file: "web/model/PageOutbox.ts",
    search: "line.wasSent && !isStoredOnce(line.to)",
    replace: "line.wasSent && line.to === ''",
    test: "test/web/model.test.ts"
  },
  {
    name: "the page forgets what waits when it is loaded again",
    file: "web/model/SavedList.ts",
    search: "const saved = parseJson(memory.read(key))",
    replace: "const saved = parseJson(undefined ?? memory.read(`${key}.`))",
    test: "test/web/Chat.test.ts"
  },
  {
    name: "the page acknowledges before it has a line",
    file: "web/model/PageConnection.ts",
    search: "if (isMessage(line)) this.acknowledgement.add(1)",
    replace: "if (isMessage(line)) this.acknowledgement.add(2)",
    test: "test/web/Chat-random.test.ts"
  },
  {
    name: "the page comes back by itself after another one has taken its place",
    file: "web/model/Chat.ts",
    search: "if (refused !== undefined && !this.mayPass(refused)) {",
    replace: "if (refused !== undefined && refused.code === '') {",
    test: "test/web/Chat.test.ts"
  },
  {
    name: "the page opens links that are not of the web",
    file: "web/model/TextParts.ts",
    search: `return protocol === "https:" || protocol === "http:" ? href : undefined`,
    replace: "return protocol === '' ? undefined : `${href}#`",
    test: "test/web/model.test.ts"
  },
  {
    name: "a tab logs in with its token after another tab has logged out",
    file: "web/model/PageUser.ts",
    search: "    return token === undefined ? undefined : {",
    replace: "    return token === undefined ? identity : {",
    test: "test/web/Page-logout.test.ts"
  },
  {
    name: "a tab of a user who has logged out elsewhere keeps their lines",
    file: "web/model/Page.ts",
    search: "    this.chatFor({ name: identity.name }, () => {}).forgetTab()\n",
    replace: "",
    test: "test/web/Page-logout.test.ts"
  },
  {
    name: "a page that has logged out logs in again",
    file: "web/model/Chat.ts",
    search: "    this.cancelAttempt = undefined\n    if (this.isOver()) return\n",
    replace: "    this.cancelAttempt = undefined\n",
    test: "test/web/Page.test.ts"
  },
  {
    name: "a page whose login is accepted after another tab has logged out continues",
    file: "web/model/Chat.ts",
    search: "    if (this.isOver()) return\n    this.wasUp = true\n",
    replace: "    this.wasUp = true\n",
    test: "test/web/Page-logout.test.ts"
  },
  {
    name: "a page that logs in continues after another tab has taken over",
    file: "web/model/Page.ts",
    search: `    this.chat?.stop("", "elsewhere")\n`,
    replace: `    const stage = this.stage.peek()
    if (stage._tag === "Chat") stage.chat.stop("", "elsewhere")\n`,
    test: "test/web/Page.test.ts"
  },
  {
    name: "the outcome of a login that was given up replaces what the page shows",
    file: "web/model/Page.ts",
    search: "        if (chat.isOver()) return\n",
    replace: "",
    also: {
      file: "web/model/Page.ts",
      search: "    if (chat.isOver()) return\n    chat.stop",
      replace: "    chat.stop"
    },
    test: "test/web/Page.test.ts"
  },
  {
    name: "the page shows why an exchange failed that the user has ended by logging out",
    file: "web/model/Page.ts",
    search: "    if (chat.isOver()) return\n    chat.stop",
    replace: "    chat.stop",
    test: "test/web/Page-logout.test.ts"
  },
  {
    name: "a token is kept after another tab has logged out",
    file: "web/model/Page.ts",
    search: `    if (chat.isOver()) throw new Error("the user has logged out")\n`,
    replace: "",
    test: "test/web/Page-logout.test.ts"
  },
  {
    name: "a tab without a token removes what is not delivered",
    file: "web/model/Page.ts",
    search: "    if (identity === undefined || !this.identities.hasLoggedOut(identity)) return\n",
    replace: "    if (identity === undefined) return\n",
    also: { file: "web/model/Page.ts", search: "() => {}).forgetTab()", replace: "() => {}).forget()" },
    test: "test/web/Page-logout.test.ts"
  },
  {
    name: "a tab removes what another one has written since it has logged out",
    file: "web/model/Page.ts",
    search: "() => {}).forgetTab()",
    replace: "() => {}).forget()",
    test: "test/web/Page-logout.test.ts"
  },
  {
    name: "other tabs do not learn that the user has logged out",
    file: "web/model/PageUser.ts",
    search: "String(this.logouts(identity.name) + 1)",
    replace: "undefined",
    test: "test/web/Page-logout.test.ts"
  },
  {
    name: "a tab writes back what it still has of a user who has logged out",
    file: "web/model/Page.ts",
    search: "if (!hasLoggedOut()) memory.write(key, text)",
    replace: "memory.write(key, text)",
    test: "test/web/Page-logout.test.ts"
  },
  {
    name: "logging out leaves drafts in the browser",
    file: "web/model/PageSettings.ts",
    search: "    this.kept.clear()\n    this.memory.write(this.key, undefined)\n",
    replace: "    this.kept.clear()\n    this.save()\n",
    test: "test/web/Page-logout.test.ts"
  },
  {
    name: "after the password was changed, the page logs in with the one before",
    file: "web/model/Page.ts",
    search: "      chat.keepLogin(usual)\n",
    replace: "",
    test: "test/web/Page.test.ts"
  },
  {
    name: "a browser's storage gives what another tab has removed",
    file: "web/browser/Storage.ts",
    search: "      own.delete(key)\n",
    replace: "      if (text !== undefined) own.set(key, text)\n",
    test: "test/web/Storage.test.ts"
  },
  {
    name: "the page sends its login right after a greeting that was paced",
    file: "web/model/PageConnection.ts",
    search: "if (this.pause.millis === 0) return",
    replace: "return",
    test: "test/web/PageConnection.test.ts"
  }
]
