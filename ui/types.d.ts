/**
 * What the page works with: what crosses from Rust and back, which is written from there (`app.d.ts`), and what is the
 * page's own.
 */

import type { Change, StagedFile, View } from "./app";

export type * from "./app";

/** What changed. */
export interface Changes {
    number: number;
    changes: Change[];
}

/**
 * An update as the shell sends it: the changes; that there are more since that number than an event carries; or that
 * the page must begin anew.
 */
export type Update = Changes | { number: number; more: true } | { number: number; snapshot: true };

export interface Snapshot {
    number: number;
    view: View;
    /** The server that was named on the command line. */
    server?: string | null;
    /** What the page before this one gave back when its window went. */
    page?: Page | null;
    /** The app is locked: the view is empty. */
    locked: boolean;
}

/** Where somebody was reading. */
export interface Place {
    /** Of the first message in view. */
    key: string;
    /** Its distance from the top of the view, in pixels. */
    offset: number;
}

/** What a page hands on to the next one. */
export interface Page {
    chatId: string;
    /** `null` at the newest message. */
    place: Place | null;
    /** What is to go with the next message, by chat. */
    files: Record<string, StagedFile[]>;
}

export type Theme = "system" | "light" | "dark";

/** What a person chose for this machine. Kept by the shell, not by the page's storage. */
export interface Settings {
    theme?: Theme;
    /** A language that `locales/` has; absent means the system's. */
    language?: string;
    /** In percent. */
    textSize?: string;
    density?: "roomy" | "compact";
    /** Absent means yes. */
    closeToTray?: boolean;
    noticeText?: boolean;
    noticeSound?: boolean;
    /** Absent means no. */
    doNotDisturb?: boolean;
    quietButMentions?: boolean;
    /** Times of the day, as `22:30`; none where either is absent or empty. */
    quietFrom?: string;
    quietTo?: string;
    /** In minutes; absent or `0` means never. */
    lockAfter?: string;
    /** Absent means yes. */
    lockOnSuspend?: boolean;
    updateChannel?: "stable" | "beta";
    /** Absent means yes. */
    sendTyping?: boolean;
    /** How much is kept of files that were shown, in MB. */
    keepFiles?: string;
}

/** Somebody else's work that is in the app. */
export interface Licence {
    name: string;
    version: string;
    licence: string;
}

/** How things stand on this computer. */
export interface System {
    version: string;
    profile: string;
    /** None where the app knows of no others. */
    profiles: string[];
    /** Whether the app has a lock. */
    lock: boolean;
    tray: boolean;
    /** `null` where there is no such thing. */
    autostart: boolean | null;
    /** `shown` is `null` where the system does not tell. */
    notices: { shown: boolean | null; by: string | null };
    update: UpdateState;
}

/** What helps those who look for a fault: no secret, no name, no message. */
export interface Diagnosis {
    text: string;
    /** In bytes. */
    storage: { store: number; outgoing: number; setAside: number };
    /** How many reports of faults there are. */
    reports: number;
}

export type UpdateState =
    | { state: "off"; why: "notBuiltIn" | "policy" | "managed" }
    | { state: "unknown" | "checking" | "upToDate" }
    | { state: "available"; version: string; notes: string }
    | { state: "downloading"; version: string; percent: number }
    | { state: "ready"; version: string }
    | { state: "failed"; message: string };

/** What was opened from outside; or that closing, which was tried, quits. */
export type Opened = { type: "settings" } | { type: "closing" } | ({ type: "invite" } & Invitation);

/** What a link brings to make an account with. */
export type Invitation = { code: string; server: string | null };

interface Tauri {
    core: {
        invoke(command: string, args?: object, options?: { headers: Record<string, string> }): Promise<unknown>;
        convertFileSrc(path: string, scheme: string): string;
    };
    event: { listen(event: string, handler: (event: { payload: string }) => void): Promise<() => void> };
}

declare global {
    interface Window {
        __TAURI__?: Tauri;
    }
}
