// SPDX-License-Identifier: Apache-2.0
//
// All that there are; each names itself, and has a word for whatever English has one for.
import ar from './ar.js';
import de from './de.js';
import en from './en.js';
import es from './es.js';
import fr from './fr.js';
import ja from './ja.js';

export const languages = { en, fr, de, es, ja, ar };
