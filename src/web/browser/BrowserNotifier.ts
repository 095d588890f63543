import type { News } from "../model/ChatState.js"

/** Notifications of the system, which the user turns on with a click, and never the page by itself. */

const key = "a-chat.notifications"

/** A longer text is cut. */
const maxText = 200

export type Permission = "on" | "off" | "denied" | "unsupported"

export const permission = (): Permission => {
  if (!("Notification" in window)) return "unsupported"
  if (Notification.permission === "denied") return "denied"
  return Notification.permission === "granted" && localStorage.getItem(key) === "on" ? "on" : "off"
}

/** Asks the user, if the browser has not done so before. */
export const turnOn = async (): Promise<Permission> => {
  if (!("Notification" in window)) return "unsupported"
  if ((await Notification.requestPermission()) === "granted") localStorage.setItem(key, "on")
  return permission()
}

export const turnOff = (): Permission => {
  localStorage.removeItem(key)
  return permission()
}

/** @param open called when the user clicks on the notification */
export const notify = ({ conversation, from, text }: News, open: (conversation: string) => void): void => {
  if (permission() !== "on") return
  const title = conversation === from ? from : `${from} in ${conversation}`
  const options = { body: text.slice(0, maxText), tag: conversation, icon: "/icon.svg" }
  try {
    const notification = new Notification(title, options)
    notification.addEventListener("click", () => {
      window.focus()
      open(conversation)
      notification.close()
    })
  } catch {
    // Browsers on phones show only those of a service worker.
    void navigator.serviceWorker?.ready.then((worker) => worker.showNotification(title, options))
  }
}
