<?php
/*
 * Requests to SEMail's admind from PHP: classes and a small command.
 *
 * Needs PHP 8 with its sodium extension.  The protocol is in
 * semail-admin-protocol(7), the requests are in semail-admind(8).
 *
 *	require 'semail.php';
 *	$admin = new Semail\Admin($key, '192.0.2.1:2500');
 *	$answer = $admin->request('NEWDOM', $login, $password, '', 'example.org');
 *	if ($answer->code !== 0)
 *		echo $answer->comment;
 *	$admin->close();
 *
 * As a command, with the key in SEMAIL_ADMIN_KEY and, where one is needed, the
 * login in SEMAIL_ADMIN_LOGIN and SEMAIL_ADMIN_PASSWORD:
 *
 *	php semail.php HOST:PORT TYPE DOMAIN [FIELD...]
 *
 * A FIELD that is "-" is read from standard input.
 */
declare(strict_types=1);

namespace Semail;

/* Not reached, or cut: the request may or may not have been done. */
class Lost extends \Exception {}
/* The key does not fit, or what answers is not admind. */
class Refused extends \Exception {}
/* What came was changed on its way, or is no answer. */
class Broken extends \Exception {}

const MAGIC = "SEMailA\x01";
const PROLOGUE = 'semail-admin-protocol 1';
const REQUEST = 1;
const ANSWER = 2;
const END = 3;
const TEXT_MAX = 262144;

/* ---- fields -------------------------------------------------------------- */

const ESCAPES = ['\\' => '\\\\', '|' => '\\p', "\r" => '\\r', "\n" => '\\n',
    "\0" => '\\0'];

function join(array $fields): string
{
	return implode('|', array_map(fn ($f) => strtr($f, ESCAPES), $fields));
}

function split(string $text): array
{
	if (preg_match('/[\r\n\0]|\\\\(?![\\\\prn0])/',
	    str_replace('\\\\', '', $text)))
		throw new Broken('a byte that should be escaped, or an unknown escape');
	return array_map(fn ($f) => strtr($f, array_flip(ESCAPES)),
	    explode('|', $text));
}

/* code, comment, fields, and for LIST and SHOW: next, columns, rows. */
class Answer
{
	public array $fields;
	public int $code;
	public string $comment;
	public string $next;
	public array $columns = [];
	public array $rows = [];

	public function __construct(public string $text)
	{
		$this->fields = split($text);
		if (count($this->fields) < 6 ||
		    !preg_match('/^(0|-[1-9][0-9]*)$/D', $this->fields[4]))
			throw new Broken('not an answer');
		$this->code = (int)$this->fields[4];
		$this->comment = $this->fields[5];
		$this->next = $this->fields[6] ?? '';
		if (!isset($this->fields[7]))
			return;
		try {
			$columns = split($this->fields[7]);
			$this->rows = array_map(fn ($r) => split($r),
			    array_slice($this->fields, 8));
			$this->columns = $columns;
		} catch (Broken) {
			/* no table: a piece of an archive */
		}
	}
}

/* ---- keys ---------------------------------------------------------------- */

/* The line that NEWPANEL gave. */
class Key
{
	public string $name, $secret, $server, $public;

	public function __construct(string $line)
	{
		if (!preg_match('/^(semail1:([a-z0-9][a-z0-9._-]{0,63}):' .
		    '([0-9a-f]{64}):([0-9a-f]{64})):([0-9a-f]{16})\r?\n?$/D',
		    $line, $m) || sodium_bin2hex(substr(
		    sodium_crypto_generichash($m[1]), 0, 8)) !== $m[5])
			throw new Refused('this is no panel\'s key');
		$this->name = $m[2];
		$this->secret = sodium_hex2bin($m[3]);
		$this->server = sodium_hex2bin($m[4]);
		$this->public = sodium_crypto_scalarmult_base($this->secret);
	}
}

/* ---- the exchange -------------------------------------------------------- */

function seal(string $key, int $n, string $plain): string
{
	return sodium_crypto_aead_xchacha20poly1305_ietf_encrypt($plain, '',
	    str_repeat("\0", 16) . pack('P', $n), $key);
}

function unseal(string $key, int $n, string $sealed): string
{
	$plain = sodium_crypto_aead_xchacha20poly1305_ietf_decrypt($sealed, '',
	    str_repeat("\0", 16) . pack('P', $n), $key);
	if ($plain === false)
		throw new Broken('it was changed on its way');
	return $plain;
}

/* The panel's side of an exchange, as bytes. */
class Coded
{
	public string $chain, $proof, $sendKey, $recvKey;
	private string $ephemeral;
	private int $sent = 0, $received = 0;

	public function __construct(private Key $key, ?string $ephemeral = null)
	{
		$this->ephemeral = $ephemeral ?? random_bytes(32);
		$this->chain = sodium_crypto_generichash(PROLOGUE . $key->server);
	}

	private function mix(string $data): string
	{
		$out = sodium_crypto_generichash($data, $this->chain, 64);
		$this->chain = substr($out, 0, 32);
		return substr($out, 32);
	}

	public function hello(): string
	{
		$head = MAGIC . sodium_crypto_scalarmult_base($this->ephemeral);
		$k = $this->mix($head . sodium_crypto_scalarmult($this->ephemeral,
		    $this->key->server));
		$name = seal($k, 0, str_pad($this->key->name, 64, "\0"));
		$k = $this->mix($name . $this->key->public .
		    sodium_crypto_scalarmult($this->key->secret, $this->key->server));
		$this->proof = seal($k, 0, '');
		return $head . $name . $this->proof;
	}

	public function welcome(string $data): void
	{
		[$theirs, $tag] = [substr($data, 0, 32), substr($data, 32)];
		try {
			$k = $this->mix($this->proof . $theirs .
			    sodium_crypto_scalarmult($this->ephemeral, $theirs) .
			    sodium_crypto_scalarmult($this->key->secret, $theirs));
			unseal($k, 0, $tag);
		} catch (Broken | \SodiumException) {
			throw new Refused('what answers is not admind');
		}
		$this->recvKey = $this->mix($tag);
		$this->sendKey = $this->chain;
	}

	private function sealNext(string $plain): string
	{
		return seal($this->sendKey, $this->sent++, $plain);
	}

	public function record(int $type, string $body = ''): string
	{
		$head = $this->sealNext(chr($type) . pack('V', strlen($body)));
		return $head . ($body === '' ? '' : $this->sealNext($body));
	}

	public function head(string $data): array
	{
		$head = unseal($this->recvKey, $this->received++, $data);
		$type = ord($head[0]);
		$length = unpack('V', substr($head, 1))[1];
		if ($type < REQUEST || $type > END || $length > 16 + TEXT_MAX)
			throw new Broken('not a record');
		return [$type, $length];
	}

	public function body(string $data): string
	{
		return unseal($this->recvKey, $this->received++, $data);
	}
}

/* A connection; it is made when the first request needs it. */
class Admin
{
	private Key $key;
	private $stream = null;
	private Coded $coded;

	public function __construct(string|Key $key, private string $where,
	    private float $timeout = 60)
	{
		$this->key = is_string($key) ? new Key($key) : $key;
	}

	private function dial(): void
	{
		$url = ($this->where[0] === '/' ? 'unix://' : 'tcp://') . $this->where;
		$s = @stream_socket_client($url, $no, $why, $this->timeout);
		if ($s === false)
			throw new Lost("admind cannot be reached: $why");
		stream_set_timeout($s, (int)ceil($this->timeout));
		$this->stream = $s;
		$this->coded = new Coded($this->key);
		try {
			$this->send($this->coded->hello());
			$welcome = $this->receive(48);
		} catch (Lost) {
			throw new Refused('admind does not know this key, or has ' .
			    'too many connections');
		}
		$this->coded->welcome($welcome);
	}

	private function drop(): void
	{
		if ($this->stream !== null)
			fclose($this->stream);
		$this->stream = null;
	}

	private function send(string $data): void
	{
		while ($data !== '') {
			$n = @fwrite($this->stream, $data);
			if ($n === false || $n === 0) {
				$this->drop();
				throw new Lost('the connection broke');
			}
			$data = substr($data, $n);
		}
	}

	private function receive(int $n): string
	{
		$data = '';
		while (strlen($data) < $n) {
			$more = @fread($this->stream, $n - strlen($data));
			if ($more === false || $more === '') {
				$this->drop();
				throw new Lost('the connection was cut, or no answer came');
			}
			$data .= $more;
		}
		return $data;
	}

	/* Say that nothing follows, and hear the same. */
	public function close(): void
	{
		if ($this->stream === null)
			return;
		try {
			$this->send($this->coded->record(END));
			$this->coded->head($this->receive(21));
		} catch (Lost | Broken) {
		}
		$this->drop();
	}

	private function exchange(string $text, string $id): string
	{
		if ($this->stream === null)
			$this->dial();
		$this->send($this->coded->record(REQUEST, $id . $text));
		[$type, $length] = $this->coded->head($this->receive(21));
		if ($type === END) {
			$this->drop();
			throw new Lost('admind has closed the connection');
		}
		$body = $this->coded->body($this->receive($length + 16));
		if ($type !== ANSWER || substr($body, 0, 16) !== $id)
			throw new Broken('an answer to something else');
		return substr($body, 16);
	}

	/* A request as it is written.  What is lost is asked once more, with the
	 * same id: what was done is not done twice. */
	public function raw(string $text, ?string $id = null): string
	{
		$id ??= random_bytes(16);
		if (strlen($text) > TEXT_MAX)
			throw new \ValueError('the request is too long');
		try {
			try {
				return $this->exchange($text, $id);
			} catch (Lost) {
				return $this->exchange($text, $id);
			}
		} catch (Broken | Refused $e) {
			$this->drop();
			throw $e;
		}
	}

	public function request(string $type, string $login = '',
	    string $password = '', string $domain = '', string ...$fields): Answer
	{
		return new Answer($this->raw(join([$type, $login, $password, $domain,
		    ...$fields])));
	}
}

/* ---- the command --------------------------------------------------------- */

function main(array $argv): int
{
	$key = getenv('SEMAIL_ADMIN_KEY');
	if (count($argv) < 4 || $key === false) {
		fwrite(STDERR, "usage: SEMAIL_ADMIN_KEY=... php semail.php HOST:PORT " .
		    "TYPE DOMAIN [FIELD...]\n");
		return 64;
	}
	$fields = array_map(fn ($f) => $f === '-' ? stream_get_contents(STDIN) : $f,
	    array_slice($argv, 4));
	try {
		$admin = new Admin($key, $argv[1]);
		$answer = $admin->request($argv[2],
		    getenv('SEMAIL_ADMIN_LOGIN') ?: '',
		    getenv('SEMAIL_ADMIN_PASSWORD') ?: '', $argv[3], ...$fields);
		$admin->close();
	} catch (Lost | Refused | Broken $e) {
		fwrite(STDERR, "semail.php: {$e->getMessage()}\n");
		return $e instanceof Lost ? 75 : 77;
	}
	if ($answer->code !== 0) {
		fwrite(STDERR, "semail.php: $answer->comment (code $answer->code)\n");
		return $answer->code === -2 ? 75 : 1;
	}
	echo $answer->comment, "\n";
	if ($answer->columns === [] && isset($answer->fields[6]))
		echo $answer->next, "\n";
	if ($answer->columns !== [])
		foreach ([$answer->columns, ...$answer->rows] as $row)
			echo implode("\t", $row), "\n";
	return 0;
}

if (isset($argv) && realpath($argv[0]) === __FILE__)
	exit(main($argv));
