import { effect } from "@preact/signals"
import { render } from "preact"
import * as BackButton from "./browser/BackButton.js"
import * as Badge from "./browser/Badge.js"
import { BrowserTabs } from "./browser/BrowserTabs.js"
import * as BrowserSocket from "./browser/BrowserSocket.js"
import * as BrowserNotifier from "./browser/BrowserNotifier.js"
import * as ServerTime from "./browser/ServerTime.js"
import * as Shell from "./browser/Shell.js"
import { memoryOf } from "./browser/Storage.js"
import { Page } from "./model/Page.js"
import type { Timers } from "./model/Ports.js"
import { PageView } from "./views/PageView.js"
import { View } from "./views/View.js"

/** The program of the page: chooses what the model needs of the browser, and shows it. */

const timers: Timers = {
  now: () => Date.now(),
  after: (millis, run) => {
    const timer = setTimeout(run, millis)
    return () => clearTimeout(timer)
  },
  random: () => Math.random()
}

const view = new View()
const look = () => (view.isLooking.value = document.visibilityState === "visible" && document.hasFocus())

const page = new Page({
  open: BrowserSocket.open,
  timers,
  tab: memoryOf(() => sessionStorage),
  browser: memoryOf(() => localStorage),
  tabs: new BrowserTabs(),
  isLooking: () => view.isLooking.peek(),
  serverTime: ServerTime.ask,
  onNews: (news) => BrowserNotifier.notify(news, chat()?.me ?? "", (conversation) => chat()?.reading.open(conversation))
})

const chat = () => {
  const stage = page.stage.peek()
  return stage._tag === "Chat" ? stage.chat : undefined
}

effect(() => {
  const stage = page.stage.value
  if (stage._tag === "Chat") Badge.show(stage.chat.unread.value, stage.chat.current.value)
  else {
    Badge.show(0, undefined)
    view.reset()
  }
})

effect(() => {
  const stage = page.stage.value
  // A reload continues on the screen that the browser's history has.
  if (stage._tag === "Starting") return
  const isOpen = stage._tag === "Chat" && stage.chat.current.value !== undefined
  BackButton.show(isOpen ? (view.panel.value === undefined ? 1 : 2) : 0)
})
BackButton.onBack((screen) => {
  if (screen < 2) view.panel.value = undefined
  if (screen < 1) chat()?.reading.close()
})

BrowserNotifier.onClick(({ conversation, user }) => {
  if (chat()?.me === user) chat()?.reading.open(conversation)
})

for (const event of ["focus", "blur", "visibilitychange"]) addEventListener(event, look, true)
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && chat()?.wake())
addEventListener("focus", () => chat()?.look())
for (const event of ["online", "offline"]) addEventListener(event, () => chat()?.wake())
look()

const root = document.getElementById("app")
if (root !== null) render(<PageView page={page} view={view} />, root)
void page.start()
addEventListener("load", () => Shell.register())
