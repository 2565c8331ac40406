/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sleeping locks, of which kernel headers alone have need */
