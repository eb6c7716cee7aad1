// SPDX-License-Identifier: Apache-2.0
//
// What the page says, in the language of the person: as chosen in the lobby, or else of the browser.
import { languages } from './languages.js';

const RIGHT_TO_LEFT = ['ar'];
const KEPT = 'spillway-language';

function preferred() {
  const wanted = [localStorage.getItem(KEPT), ...navigator.languages].map((tag) => tag?.split('-')[0]);
  return wanted.find((tag) => Object.hasOwn(languages, tag)) ?? 'en';
}

export const language = preferred();
document.documentElement.lang = language;
document.documentElement.dir = RIGHT_TO_LEFT.includes(language) ? 'rtl' : 'ltr';

/** From the next loading of the page on. */
export function keepLanguage(tag) {
  localStorage.setItem(KEPT, tag);
}

const otherWay = RIGHT_TO_LEFT.includes(language) ? /\p{Script=Latin}/u : /[\p{Script=Arabic}\p{Script=Hebrew}]/u;

/** A name that is written the other way does not take the words around it along (UAX #9, isolates). */
const isolated = (value) => (otherWay.test(value) ? `\u2068${value}\u2069` : value);

/** The words under that name, {these} replaced by values. */
export function say(name, values = {}) {
  return languages[language][name].replace(/\{(\w+)\}/g, (_, value) => isolated(values[value]));
}
